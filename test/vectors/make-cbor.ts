import { writeFrozen } from './frozen.ts'

/** Makes `cbor.json`: bytes that are canonical DAG-CBOR within the format's limits, and bytes that are not, each a rule of docs/spec.md. Written by hand from RFC 8949. */

export interface CborCase { readonly comment: string; readonly hex: string }
export interface InvalidCborCase extends CborCase { readonly code: 'INVALID_CBOR' | 'LIMIT_EXCEEDED' }

/** CIDv1, dag-cbor, sha2-256; 36 bytes */
const CID = `01711220${'ab'.repeat(32)}`
/** Tag 42 over the bytes of a CID behind a zero. */
const link = (cid: string, tag = 'd82a'): string => {
  const length = cid.length / 2 + 1
  return `${tag}${length < 24 ? (0x40 + length).toString(16) : `58${length.toString(16)}`}00${cid}`
}

const valid: readonly CborCase[] = [
  ['null', 'f6'], ['false', 'f4'], ['true', 'f5'],
  ['0', '00'], ['23', '17'], ['24', '1818'], ['255', '18ff'], ['256', '190100'], ['65535', '19ffff'], ['65536', '1a00010000'], ['2^32-1', '1affffffff'], ['2^32', '1b0000000100000000'], ['2^53-1', '1b001fffffffffffff'],
  ['-1', '20'], ['-24', '37'], ['-25', '3818'], ['-256', '38ff'], ['-257', '390100'], ['-2^32', '3affffffff'], ['-2^32-1', '3b0000000100000000'], ['-(2^53-1)', '3b001ffffffffffffe'],
  ['empty bytes', '40'], ['24 bytes', `5818${'ab'.repeat(24)}`],
  ['empty text', '60'], ['text of 24', `7818${'61'.repeat(24)}`], ['text of 32', `7820${'61'.repeat(32)}`], ['text of 33', `7821${'61'.repeat(33)}`], ['two-byte character', '62c3bc'], ['a byte order mark is text', '63efbbbf'], ['a byte order mark before text', '66efbbbf616263'], ['four-byte character', '64f0908591'], ['U+10FFFF', '64f48fbfbf'], ['U+0000', '6100'], ['decomposed text is left as it is', '6365cc81'],
  ['empty list', '80'], ['list of 24', `9818${'00'.repeat(24)}`], ['list of 4,095, 4,096 items', `990fff${'00'.repeat(4_095)}`], ['16 deep', `${'81'.repeat(15)}80`],
  ['empty map', 'a0'], ['keys by length, then bytes', 'a46161016162026261610362616204'], ['an empty key', 'a16000'], ['keys of other scripts', 'a262c3bc0163e6b0b402'], ['a key that objects have', 'a168746f537472696e6700'], ['a key that looks like a number', 'a261300062313001'], ['keys of a CID-like map', 'a2612f61616562797465736161'],
  ['a CID', link(CID)], ['an identity CID', link('01550000')], ['a CID codec and a multihash code of 2^53 - 1', link('01ffffffffffffff0fffffffffffffff0f01ff')], ['a CIDv0', link(`1220${'ab'.repeat(32)}`)]
].map(([comment, hex]) => ({ comment: comment!, hex: hex! }))

const invalid: readonly InvalidCborCase[] = [
  ...([
    ['no bytes', ''], ['half a head', '18'], ['half an integer', '1a0001'], ['bytes after the value', '0000'], ['missing bytes', '4201'], ['missing text', '6261'], ['missing list items', '8201'], ['missing value', 'a16161'],
    ['23 in two bytes', '1817'], ['0 in three', '190000'], ['255 in three', '1900ff'], ['65535 in five', '1a0000ffff'], ['2^32-1 in nine', '1b00000000ffffffff'], ['-1 in two', '3800'], ['a length in two', '580161'], ['a text length in two', '780161'], ['a list length in two', '980100'], ['a map length in two', 'b801616100'], ['the tag in three bytes', link(CID, 'd9002a')],
    ['2^53', '1b0020000000000000'], ['2^64-1', '1bffffffffffffffff'], ['-2^53', '3b001fffffffffffff'], ['-2^64', '3bffffffffffffffff'],
    ['half float', 'f93c00'], ['float', 'fa3f800000'], ['double', 'fb3ff8000000000000'], ['double that is an integer', 'fb3ff0000000000000'], ['NaN', 'fb7ff8000000000000'], ['Infinity', 'fb7ff0000000000000'], ['-0', 'fb8000000000000000'],
    ['undefined', 'f7'], ['simple 0', 'e0'], ['simple 32', 'f820'], ['false in two bytes', 'f814'], ['break', 'ff'], ['reserved 28', '1c'], ['reserved 29', '5d'], ['reserved 30', 'fe'],
    ['indefinite bytes', '5f4101ff'], ['indefinite text', '7f6161ff'], ['indefinite list', '9f00ff'], ['indefinite map', 'bf616100ff'],
    ['invalid UTF-8', '61ff'], ['overlong UTF-8', '62c080'], ['a surrogate in UTF-8', '63eda080'], ['a pair of surrogates in UTF-8', '66eda080edb080'], ['beyond U+10FFFF', '64f4908080'], ['half a character', '61c3'], ['invalid UTF-8 in a long text', `7821ff${'61'.repeat(32)}`], ['invalid UTF-8 in a key', 'a161ff00'],
    ['unsorted keys', 'a2616200616100'], ['a longer key first', 'a262616100616200'], ['a key twice', 'a2616100616100'], ['an integer as key', 'a10000'], ['bytes as key', 'a1416100'], ['null as key', 'a1f600'],
    ['__proto__', 'a1695f5f70726f746f5f5f00'], ['constructor', 'a16b636f6e7374727563746f7200'], ['prototype', 'a16970726f746f7479706500'], ['__proto__ deep inside', '8181a1695f5f70726f746f5f5fa0'],
    ['tag 0', 'c060'], ['tag 43', 'd82b4100'], ['tag 42 without bytes', 'd82a00'], ['tag 42 over text', 'd82a6100'], ['tag 42 over a list', 'd82a80'], ['a CID without the leading zero', `d82a5824${CID}`], ['a leading one', link(CID).replace('582500', '582501')], ['no CID', 'd82a4100'], ['no bytes in tag 42', 'd82a40'], ['a truncated CID', link(CID.slice(0, -2))], ['a CID with a byte more', link(`${CID}00`)], ['an overlong codec', link(`01f100${CID.slice(4)}`)], ['an overlong multihash code', link('0155800000')], ['a CID codec of 2^53', link('0180808080808080101201ff')], ['a multihash code of 2^53', link('0155808080808080801001ff')], ['a multihash code of 2^53 + 1', link('0155818080808080801001ff')], ['CID version 2', link(`02${CID.slice(2)}`)], ['CID version 0 in front', link(`00${CID.slice(2)}`)], ['tag 42 twice', `d82a${link(CID)}`],
    ['2^53 items declared, in a list', '9b0020000000000000'], ['2^53 bytes declared', '5b0020000000000000'], ['2^53-1 bytes declared', '5b001fffffffffffff'], ['2^53-1 bytes of text declared', '7b001fffffffffffff'], ['2^64-1 pairs declared', 'bbffffffffffffffff'], ['2^32-1 bytes declared', '5affffffff']
  ] as const).map(([comment, hex]) => ({ comment, hex, code: 'INVALID_CBOR' as const })),
  ...([
    ['17 deep', `${'81'.repeat(16)}80`], ['17 deep in maps', `${'a16161'.repeat(16)}a0`], ['512 deep', '81'.repeat(512)], ['2^53-1 items declared', '9b001fffffffffffff'], ['2^53-1 pairs declared', 'bb001fffffffffffff'], ['2^32-1 items declared', '9affffffff'], ['a list of 4,096, 4,097 items', `991000${'00'.repeat(4_096)}`], ['2,048 pairs declared, 4,097 items', 'b90800']
  ] as const).map(([comment, hex]) => ({ comment, hex, code: 'LIMIT_EXCEEDED' as const }))
]

export const makeCbor = () => ({ valid, invalid })

if (import.meta.main) writeFrozen('cbor', makeCbor())

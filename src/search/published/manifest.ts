import type { CID } from 'multiformats/cid'
import { decodeCborMapWithout, encodeCbor, type CborMap } from '../../cbor.ts'
import { InvalidSignatureError, UnsupportedError, checkLimit } from '../../errors.ts'
import { PROFILE_ID_BYTES, decodeProfileId, encodeProfileId, type ProfileId } from '../../identity/profile-id.ts'
import { signMap, verifyEncodedMap, type MessageSigner } from '../../identity/signed-map.ts'
import type { NamedDocument } from '../../naming/record.ts'
import { Shape } from '../../profile/shape.ts'
import { BlockMismatchError, DAG_CBOR, cidOf } from '../../store/block.ts'
import { ANALYSER_VERSION } from '../analyser/fold.ts'
import { isIndexLink } from '../segment/index-block.ts'
import { deadCountOf, decodeSegment, encodeSegment, type Segment } from '../segment/segment.ts'
import { InvalidManifestError, readingManifest } from './invalid-manifest.ts'

export const MANIFEST_CONTEXT = 'mercury/manifest/1'

export const MAX_MANIFEST_BYTES = 12_288
/** A query reads all of them in the same rounds; three levels need three. */
export const MAX_MANIFEST_SEGMENTS = 8
export const MAX_PROVIDERS = 16
export const MAX_PROVIDER_BYTES = 128

/** One version of a published search index: what its blocks are and where they may be had. */
export interface Manifest {
  /** The name of the index: the profile ID of the key that signs it. */
  readonly id: ProfileId
  readonly seq: number
  /** Unix seconds by the publisher's clock. */
  readonly time: number
  /** The version of the rules by which text became words. */
  readonly analyser: number
  /** How many profiles can be found. */
  readonly documents: number
  readonly segments: readonly Segment[]
  /** The block of a {@link Coverage}. */
  readonly coverage: CID
  /** Multiaddrs and URLs where the blocks may be had: hints, at most 16 of 128 bytes. */
  readonly providers: readonly string[]
  /** sha2-256 of the manifest before this one. Not a link: whoever pins an index does not pin its past. */
  readonly prev: Uint8Array | null
}

export interface VerifiedManifest {
  readonly cid: CID
  readonly manifest: Manifest
}

/** A manifest as a record names it. */
export interface SignedManifest extends VerifiedManifest, NamedDocument {}

/** What a publisher says; the rest follows from it. */
export type ManifestContent = Omit<Manifest, 'id' | 'analyser' | 'documents'>

/**
 * Signs version `seq` of the index whose key `signer` has.
 *
 * @throws LimitError over 12,288 bytes, 8 segments or 16 providers; InvalidManifestError for what no reader would take
 */
export const signManifest = async ({ seq, time, segments, coverage, providers, prev }: ManifestContent, signer: MessageSigner, options?: { signal?: AbortSignal }): Promise<SignedManifest> => {
  checkLimit('segments of a manifest', MAX_MANIFEST_SEGMENTS, segments.length)
  checkLimit('providers of a manifest', MAX_PROVIDERS, providers.length)
  const unsigned = encodeContent({ seq, time, segments, coverage, providers, prev }, signer.id)
  const bytes = encodeCbor({ ...unsigned, sig: await signMap(MANIFEST_CONTEXT, unsigned, signer, options) })
  checkLimit('manifest bytes', MAX_MANIFEST_BYTES, bytes.byteLength)
  // Hardware can fail, and what it signed is about to be final.
  const verified = await verifyManifest(bytes, { name: signer.id })
  return { ...verified, bytes, document: { id: encodeProfileId(signer.id), seq } }
}

/** How many bytes a manifest takes with these segments, at most. */
export const manifestLength = (content: Pick<Manifest, 'segments' | 'coverage' | 'providers'>, id: ProfileId): number =>
  encodeCbor({ ...encodeContent({ ...content, seq: Number.MAX_SAFE_INTEGER, time: Number.MAX_SAFE_INTEGER, prev: new Uint8Array(32) }, id), sig: new Uint8Array(64) }).byteLength

const encodeContent = ({ seq, time, segments, coverage, providers, prev }: ManifestContent, id: ProfileId): CborMap => ({
  v: 1,
  id: encodeProfileId(id),
  seq,
  time,
  analyser: ANALYSER_VERSION,
  documents: liveDocuments(segments),
  segments: segments.map(encodeSegment),
  coverage,
  providers: [...providers],
  prev
})

/**
 * Verifies a manifest: size, canonical bytes, hash, whose it is, every field, signature.
 *
 * @param expect `name`: whose it must be; `cid`: the block that was asked for
 * @throws LimitError over 12,288 bytes, BlockMismatchError, InvalidManifestError, InvalidSignatureError, UnsupportedError for another version of it or of the analyser
 */
export const verifyManifest = async (given: Uint8Array, expect: { name: ProfileId; cid?: CID }): Promise<VerifiedManifest> => {
  checkLimit('manifest bytes', MAX_MANIFEST_BYTES, given.byteLength)
  // Hashing waits, so what is judged is a copy that the caller cannot change.
  const bytes = Uint8Array.from(given)
  const cid = await cidOf(bytes, DAG_CBOR)
  if (expect.cid && !expect.cid.equals(cid)) throw new BlockMismatchError(expect.cid)
  const { manifest, signature, unsigned } = readingManifest(cid, 'it cannot be read', () => readManifest(cid, bytes))
  if (manifest.id !== expect.name) throw new InvalidManifestError(cid, `it is of ${manifest.id}, not of ${expect.name}`)
  if (!(await verifyEncodedMap(MANIFEST_CONTEXT, unsigned, manifest.id, signature))) throw new InvalidSignatureError('manifest')
  if (manifest.analyser !== ANALYSER_VERSION) throw new UnsupportedError(`version ${manifest.analyser} of the analyser of a search index`)
  return { cid, manifest }
}

const readManifest = (cid: CID, bytes: Uint8Array): { manifest: Manifest; signature: Uint8Array; unsigned: Uint8Array } => {
  const { map, without: unsigned } = decodeCborMapWithout(bytes, 'sig')
  const shape = new Shape(map, 'INVALID_MANIFEST', 'manifest')
  const version = shape.uint('v')
  if (version !== 1) throw new UnsupportedError(`manifest version ${version}`)
  const segments = shape.list('segments', MAX_MANIFEST_SEGMENTS).map((segment) => decodeSegment(segment, cid))
  const documents = shape.uint('documents')
  if (documents !== liveDocuments(segments)) shape.fail('documents', `must be ${liveDocuments(segments)}, the sum of its segments`)
  const manifest = {
    id: decodeProfileId(shape.bytes('id', PROFILE_ID_BYTES)),
    seq: shape.uint('seq'),
    time: shape.uint('time'),
    analyser: shape.uint('analyser'),
    documents,
    segments,
    coverage: readCoverageLink(shape),
    providers: shape.texts('providers', MAX_PROVIDERS, MAX_PROVIDER_BYTES),
    prev: shape.bytesOrNull('prev', 32)
  }
  return { manifest, signature: shape.bytes('sig', 64), unsigned }
}

const readCoverageLink = (shape: Shape): CID => {
  const { coverage } = shape.map
  return isIndexLink(coverage) ? coverage : shape.fail('coverage', 'must be a link to a block of DAG-CBOR under sha2-256')
}

const liveDocuments = (segments: readonly Segment[]): number => segments.reduce((sum, segment) => sum + segment.documents - deadCountOf(segment), 0)

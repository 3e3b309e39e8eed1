const encoder = new TextEncoder()

/** The UTF-8 bytes of `text`. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text)

/** How many bytes `text` takes in UTF-8, without encoding it; a lone surrogate counts as the three bytes that stand in for it. */
export const utf8Length = (text: string): number => {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    length += unit < 0x800 ? 1 : 2
    if (isSurrogate(unit) && text.codePointAt(i)! > 0xffff) i++
  }
  return length
}

/**
 * Orders two strings as their UTF-8 bytes are ordered: by code point, not by UTF-16 unit as `<` does.
 *
 * The first differing unit decides; surrogates stand for code points above 0xFFFF and so rank above every other unit.
 */
export const compareUtf8 = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    return codeUnitRank(x) - codeUnitRank(y)
  }
  return a.length - b.length
}

const codeUnitRank = (unit: number): number => (isSurrogate(unit) ? unit + 0x10000 : unit)

const isSurrogate = (unit: number): boolean => (unit & 0xf800) === 0xd800

/** The same memory as a plain `Uint8Array`: `slice` of Node's `Buffer` is a view, of a `Uint8Array` a copy. */
export const plainBytes = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)

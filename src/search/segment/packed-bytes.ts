/** Packed bytes of an index: unsigned LEB128 integers up to 2^35 - 1, and runs of bytes. */
export class PackedWriter {
  private buffer: Uint8Array
  length = 0

  constructor (capacity = 4_096) {
    this.buffer = new Uint8Array(capacity)
  }

  byte (value: number): void {
    this.reserve(1)
    this.buffer[this.length++] = value
  }

  varint (value: number): void {
    this.reserve(5)
    while (value >= 0x80) {
      this.buffer[this.length++] = (value % 0x80) | 0x80
      value = Math.floor(value / 0x80)
    }
    this.buffer[this.length++] = value
  }

  append (bytes: Uint8Array): void {
    this.reserve(bytes.byteLength)
    this.buffer.set(bytes, this.length)
    this.length += bytes.byteLength
  }

  /** A copy of what was written; the writer starts anew. */
  take (): Uint8Array {
    const bytes = this.buffer.slice(0, this.length)
    this.length = 0
    return bytes
  }

  private reserve (bytes: number): void {
    if (this.length + bytes <= this.buffer.byteLength) return
    const grown = new Uint8Array(Math.max(this.buffer.byteLength * 2, this.length + bytes))
    grown.set(this.buffer.subarray(0, this.length))
    this.buffer = grown
  }
}

/** How many bytes {@link PackedWriter.varint} takes. */
export const varintLength = (value: number): number => (value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5)

/** Reads what a {@link PackedWriter} wrote. Untrusted: every step is checked against the end, and `fail` throws the caller's error. */
export class PackedReader {
  private readonly bytes: Uint8Array
  private readonly onError: (reason: string) => never
  at: number

  constructor (bytes: Uint8Array, onError: (reason: string) => never, at = 0) {
    this.bytes = bytes
    this.onError = onError
    this.at = at
  }

  get ended (): boolean {
    return this.at === this.bytes.byteLength
  }

  /** Bytes that are not read yet. */
  get left (): number {
    return this.bytes.byteLength - this.at
  }

  byte (): number {
    if (this.at >= this.bytes.byteLength) return this.fail('its data end early')
    return this.bytes[this.at++]!
  }

  /** Also refuses a longer form than the shortest, so that one value has one encoding. */
  varint (): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 5; i++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return byte === 0 && i > 0 ? this.fail('an integer is longer than it needs to be') : value
      scale *= 0x80
    }
    return this.fail('an integer is over 2^35')
  }

  /** A view, not a copy. */
  take (length: number): Uint8Array {
    if (length > this.bytes.byteLength - this.at) return this.fail('its data end early')
    const start = this.at
    this.at += length
    return this.bytes.subarray(start, this.at)
  }

  end (): void {
    if (!this.ended) this.fail('there are bytes after its data')
  }

  fail (reason: string): never {
    return this.onError(reason)
  }
}

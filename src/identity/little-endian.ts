/** The 32 bytes of a number below 2^256, least significant first, as Curve25519 writes its numbers. */
export const littleEndian = (value: bigint): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))

/** The number that `bytes`, least significant first, stand for. */
export const fromLittleEndian = (bytes: Uint8Array): bigint => bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)

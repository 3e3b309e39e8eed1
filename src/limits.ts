/** Every limit of the format and of the library, with its unit. A value over one is a {@link LimitError}, never a truncation. */

export const MAX_DOCUMENT_BYTES = 65_536
export const MAX_RECORD_BYTES = 10_240
export const MAX_CBOR_DEPTH = 16
export const MAX_CBOR_ITEMS = 4_096

export const MAX_ID_TEXT_LENGTH = 128
export const MAX_LINK_TEXT_LENGTH = 4_096
export const MAX_LINK_ADDRESSES = 16

export const MAX_KIND_BYTES = 64
export const MAX_ATTRIBUTE_KEY_LENGTH = 64
export const MAX_NAME_BYTES = 256
export const MAX_BIO_BYTES = 4_096
export const MAX_TAGS = 32
export const MAX_TAG_BYTES = 64
export const MAX_AVATAR_BYTES = 1_048_576
export const MAX_HOMES = 4
export const MAX_HOME_ADDRESSES = 4
export const MAX_ADDRESSES = 16
export const MAX_ADDRESS_BYTES = 128
export const MAX_SEALED = 4
export const MAX_SEALED_BYTES = 65_536
export const MAX_RELATION_TYPE_BYTES = 64

export const MAX_SUCCESSION_HOPS = 16

export const MAX_BLOCK_BYTES = 1_048_576
export const MAX_ARCHIVE_BYTES = 16 * 1_048_576
export const MAX_ARCHIVE_BLOCKS = 4_096
export const MAX_PINNED_BYTES = 8 * 1_048_576
export const MAX_PINNED_BLOCKS = 1_024
export const MAX_PINNED_DEPTH = 32

export const MAX_STORE_KEY_BYTES = 1_024
export const MAX_STORE_VALUE_BYTES = 16 * 1_048_576
export const MAX_CANDIDATES = 64

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

export const RECORD_VALIDITY_MS = 365 * DAY_MS
export const RECORD_REFRESH_BELOW_MS = 300 * DAY_MS
export const RECORD_TTL_MS = 5 * MINUTE_MS
export const CLOCK_WARNING_MS = 15 * MINUTE_MS

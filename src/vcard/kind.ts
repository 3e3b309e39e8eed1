/** What stands for the kinds of profiles in a vCard; nothing in one means a home. @see https://www.rfc-editor.org/rfc/rfc6473 for `application` */
const VCARD_KINDS: readonly (readonly [kind: string, vcardKind: string])[] = [['persona', 'individual'], ['application', 'application'], ['home', 'x-mercury-home']]

/** The `KIND` of a vCard for that of a profile. */
export const vcardKind = (kind: string): string | undefined => VCARD_KINDS.find(([known]) => known === kind)?.[1]

/** The kind of a profile for the `KIND` of a vCard: an organisation, a group or a place is none. */
export const profileKind = (value: string): string | undefined => VCARD_KINDS.find(([, known]) => known === value.trim().toLowerCase())?.[0]

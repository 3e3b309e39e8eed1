/** A card with these properties between its ends. */
export const card = (lines: readonly string[], version = '4.0'): string => ['BEGIN:VCARD', `VERSION:${version}`, ...lines, 'END:VCARD', ''].join('\r\n')

/** The properties of a card as they stand, unfolded, without its ends and version. */
export const linesOf = (text: string): string[] => text.replaceAll('\r\n ', '').split('\r\n').slice(2, -2)

/** One white pixel. */
export const PIXEL = Uint8Array.from(atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII='), (character) => character.charCodeAt(0))
export const PIXEL_BASE64 = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII='

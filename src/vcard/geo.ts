import { MAX_PRECISION_METRES } from '../profile/attribute.ts'
import type { Location } from '../profile/view.ts'

const DECIMAL = /^-?\d{1,3}(?:\.\d{1,30})?$/
const METRES = /^\d{1,8}$/
/** Nothing that can be read is longer. */
const MAX_GEO_LENGTH = 256

/** A `geo:` URI, its uncertainty the location's precision. @see https://www.rfc-editor.org/rfc/rfc5870 */
export const formatGeo = ({ lat, lon, precision }: Location): string => `geo:${decimal(lat)},${decimal(lon)}${precision === undefined ? '' : `;u=${precision}`}`

/**
 * The place of a `GEO`: a `geo:` URI as in version 4.0, or `lat;lon` as in 3.0. Undefined where it is neither, or not on this earth.
 *
 * @returns `isWhole`: whether the location says all that the `GEO` does
 */
export const parseGeo = (value: string): { location: Location; isWhole: boolean } | undefined => {
  if (value.length > MAX_GEO_LENGTH) return undefined
  const [, coordinates, tail] = /^geo:([^;]*)(.*)$/i.exec(value) ?? []
  const [lat, lon, ...altitude] = coordinates === undefined ? value.split(';') : coordinates.split(',')
  const parameters = (tail ?? '').split(';').slice(1).map((parameter) => parameter.toLowerCase())
  if (!isDegrees(lat, 90) || !isDegrees(lon, 180) || parameters.some((parameter) => parameter.startsWith('crs=') && parameter !== 'crs=wgs84')) return undefined
  const precision = parameters.map((parameter) => /^u=(.*)$/.exec(parameter)?.[1]).find((metres) => metres !== undefined && METRES.test(metres) && Number(metres) <= MAX_PRECISION_METRES)
  const others = parameters.filter((parameter) => parameter !== 'crs=wgs84' && parameter !== `u=${precision}`)
  return { location: { lat: Number(lat), lon: Number(lon), ...(precision === undefined ? {} : { precision: Number(precision) }) }, isWhole: altitude.length === 0 && others.length === 0 }
}

const isDegrees = (text: string | undefined, max: number): text is string => text !== undefined && DECIMAL.test(text) && Math.abs(Number(text)) <= max

/** Microdegrees, never with an exponent. */
const decimal = (degrees: number): string => degrees.toFixed(6).replace(/\.?0+$/, '')

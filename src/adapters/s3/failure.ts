import { StoreError } from '../../errors.ts'
import { readAtMost, statusReason } from '../http-client.ts'
import { isRegion, type S3Place } from './place.ts'

/** Worth asking again: the server was too busy, or the connection broke before an answer came. */
export class TransientStoreError extends StoreError {}

const MAX_ERROR_BYTES = 16_384

/**
 * The `Code` of an S3 error, a name such as `NoSuchKey`; nothing else of the answer is looked at.
 *
 * @returns `undefined` when there is none, as in answers to `HEAD`
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
export const readErrorCode = async (response: Response): Promise<string | undefined> => {
  try {
    const body = await readAtMost(response, MAX_ERROR_BYTES, () => new StoreError('the error is too long'))
    return /<Code>\s*([A-Za-z0-9.]{1,64})\s*<\/Code>/.exec(new TextDecoder().decode(body))?.[1]
  } catch {
    // The status says that it failed; what else the answer would have said is lost.
    return undefined
  }
}

/** Why an answer is not the one that was asked for, and what to do. */
export const failureOf = (response: Response, code: string | undefined, place: S3Place): StoreError => {
  const { status } = response
  const reason = `${statusReason(response)}${code === undefined ? '' : ` ${code}`}`
  const other = response.headers.get('x-amz-bucket-region')
  if (other !== null && isRegion(other) && other !== place.region) return failed(place, `the bucket is in the region ${other}, not ${place.region}; set region: '${other}'`)
  if (code === 'AuthorizationHeaderMalformed' || code === 'PermanentRedirect' || code === 'TemporaryRedirect' || (status >= 300 && status < 400)) return failed(place, `${reason}; set the region and the endpoint of the bucket, region is ${place.region}`)
  if (code === 'NoSuchBucket') return failed(place, `${reason}: make the bucket first`)
  if (status === 401 || status === 403) return failed(place, `${reason}: wrong credentials, a clock that is off, or no right to do this (without the right to list, AWS answers so for absent blocks, too)`)
  if (status === 500 || status === 503) return new TransientStoreError(messageOf(place, reason))
  return failed(place, reason)
}

export const failed = (place: S3Place, reason: string, options?: ErrorOptions): StoreError => new StoreError(messageOf(place, reason), options)

export const brokeOff = (place: S3Place, reason: string, options?: ErrorOptions): StoreError => new TransientStoreError(messageOf(place, reason), options)

const messageOf = ({ bucket, base }: S3Place, reason: string): string => `S3 failed: ${reason}; bucket=${bucket} host=${new URL(base).host}`

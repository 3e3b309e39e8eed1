import { toString } from 'uint8arrays'
import { MercuryError, StoreError } from '../../errors.ts'
import { loadPackages } from '../optional-packages.ts'

export const S3_PACKAGES = ['aws4fetch@1.0.20'] as const

export interface S3Credentials {
  accessKeyId: string
  secretAccessKey: string
  /** Of credentials that end, from AWS STS for example. */
  sessionToken?: string
}

/** Asked before every request, so that credentials may end and be renewed; whoever gives them keeps them as long as they are good. */
export type S3CredentialsSource = S3Credentials | (() => Promise<S3Credentials>)

export interface SignableRequest {
  method: string
  url: URL
  /** sha2-256 of the body. */
  digest: Uint8Array
}

/** The headers that sign a request. @throws MissingDependencyError, StoreError when no usable credentials were given */
export type SignRequest = (request: SignableRequest) => Promise<Record<string, string>>

/** Derived keys are good for a day and a pair of credentials. */
const MAX_DERIVED_KEYS = 16

/**
 * Signs by AWS Signature Version 4. The server checks the body against the digest that is signed.
 *
 * @throws MercuryError `INVALID_CREDENTIALS`
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export const createSigner = ({ credentials: source, region }: { credentials: S3CredentialsSource; region: string }): SignRequest => {
  const fixed = typeof source === 'function' ? undefined : takeCredentials(source)
  const derivedKeys = new Map<string, ArrayBuffer>()
  return async ({ method, url, digest }) => {
    const { AwsV4Signer } = await loadAws4fetch()
    const credentials = fixed ?? await ask(source as () => Promise<S3Credentials>)
    if (derivedKeys.size >= MAX_DERIVED_KEYS) derivedKeys.clear()
    const signer = new AwsV4Signer({ ...credentials, method, url: url.href, headers: { 'x-amz-content-sha256': toString(digest, 'base16') }, service: 's3', region, cache: derivedKeys })
    return Object.fromEntries((await signer.sign()).headers)
  }
}

const ask = async (source: () => Promise<S3Credentials>): Promise<S3Credentials> => {
  let given: S3Credentials
  try {
    given = await source()
  } catch (error) {
    throw new StoreError('the credentials for S3 could not be had', { cause: error })
  }
  return takeCredentials(given)
}

/** The platform tells the value of a header that it refuses, and these are secret. */
const takeCredentials = ({ accessKeyId, secretAccessKey, sessionToken }: S3Credentials): S3Credentials => {
  const texts: unknown[] = [accessKeyId, secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])]
  if (!texts.every((text) => typeof text === 'string' && /^[!-~]+$/.test(text))) throw new MercuryError('INVALID_CREDENTIALS', 'an S3 access key, its secret and its session token are text of visible ASCII characters')
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
}

const loadAws4fetch = () => loadPackages('s3', S3_PACKAGES, () => import('aws4fetch'))

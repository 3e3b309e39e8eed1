import { createHash, createHmac } from 'node:crypto'

/** A request as a server sees it. */
export interface SignedRequest {
  readonly method: string
  /** As it stands in the request line. */
  readonly target: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Uint8Array
}

/**
 * Why a server would refuse the signature of `request`, or `undefined` when it would not: AWS Signature Version 4 as its documentation
 * describes it, from the request alone and the secret.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export const faultOfSignature = ({ method, target, headers, body }: SignedRequest, secret: string): string | undefined => {
  const parts = /^AWS4-HMAC-SHA256 Credential=[^/]+\/(?<scope>(?<day>\d{8})\/(?<region>[^/]+)\/s3\/aws4_request), ?SignedHeaders=(?<names>[^,]+), ?Signature=(?<signature>[0-9a-f]{64})$/.exec(String(headers.authorization))?.groups
  if (!parts) return `the authorization is ${String(headers.authorization)}`
  const names = parts.names!.split(';')
  for (const name of Object.keys(headers)) if ((name === 'host' || name.startsWith('x-amz-')) && !names.includes(name)) return `${name} is not signed`
  if (headers['x-amz-content-sha256'] !== hash(body)) return 'the hash of the body is another'
  const time = String(headers['x-amz-date'])
  if (!/^\d{8}T\d{6}Z$/.test(time) || !time.startsWith(parts.day!)) return `the time is ${time}`

  const [path = '', query = ''] = target.split('?')
  const canonicalPath = path.split('/').map((segment) => uriEncode(decodeURIComponent(segment))).join('/')
  if (canonicalPath !== path) return `the path is ${path} and not ${canonicalPath}`
  const canonicalRequest = [method, canonicalPath, query.split('&').sort().join('&'), ...names.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}`), '', names.join(';'), hash(body)].join('\n')
  const stringToSign = ['AWS4-HMAC-SHA256', time, parts.scope, hash(canonicalRequest)].join('\n')
  const key = [parts.day!, parts.region!, 's3', 'aws4_request'].reduce<Uint8Array | string>((previous, part) => createHmac('sha256', previous).update(part).digest(), `AWS4${secret}`)
  return createHmac('sha256', key).update(stringToSign).digest('hex') === parts.signature ? undefined : 'the signature is another'
}

const hash = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex')

/** Everything but letters, digits, `-`, `.`, `_` and `~`, in capitals. */
const uriEncode = (text: string): string => [...Buffer.from(text)].map((byte) => (/[A-Za-z0-9\-._~]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('')

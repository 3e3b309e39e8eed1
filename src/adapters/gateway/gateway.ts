import type { CID } from 'multiformats/cid'
import { equals } from 'uint8arrays'
import { StoreError } from '../../errors.ts'
import { MAX_BLOCK_BYTES } from '../../limits.ts'
import { verifyBlock } from '../../store/block.ts'
import { parseCar } from '../../store/car.ts'
import { createHttpClient, mediaTypeOf, readAtMost, statusReason, type ServiceOptions } from '../http-client.ts'

const RAW_TYPE = 'application/vnd.ipld.raw'
const CAR_TYPE = 'application/vnd.ipld.car'

/** What a CAR of one block has beside it: the header with its roots, the CID, two lengths. */
const MAX_CAR_OVERHEAD_BYTES = 4_096

export type GatewayFormat = 'raw' | 'car'

export interface Gateway {
  /** For messages. */
  readonly host: string
  /**
   * The verified block of `cid`; `undefined` when the gateway says that it does not have it.
   *
   * @throws StoreError with the reason alone, BlockMismatchError, LimitError, or the reason of `signal`
   */
  fetchBlock(cid: CID, signal: AbortSignal): Promise<Uint8Array | undefined>
}

/**
 * One trustless gateway. A block is asked for raw; of a gateway that does not do that, in a CAR of this one block, which is remembered.
 *
 * @throws InvalidUrlError
 * @see https://specs.ipfs.tech/http-gateways/trustless-gateway/
 */
export const createGateway = ({ url, format, ...service }: ServiceOptions & { url: string; format: GatewayFormat }): Gateway => {
  const client = createHttpClient({ url, what: 'store', ...service, fail: (reason, options) => new StoreError(reason, options) })
  let asksRaw = format === 'raw'

  const fetchRaw = async (cid: CID, signal: AbortSignal): Promise<Uint8Array | 'absent' | 'not raw'> =>
    client.request(`ipfs/${cid.toString()}?format=raw`, { headers: { accept: RAW_TYPE } }, async (response) => {
      if (isAbsence(response)) return 'absent'
      const isOtherType = response.status === 200 && mediaTypeOf(response) !== RAW_TYPE
      if (isOtherType || NOT_DONE.includes(response.status)) return 'not raw'
      if (response.status !== 200) throw new StoreError(statusReason(response))
      return readAtMost(response, MAX_BLOCK_BYTES, () => new StoreError(`the block is over ${MAX_BLOCK_BYTES} bytes`))
    }, { signal })

  const fetchInCar = async (cid: CID, signal: AbortSignal): Promise<Uint8Array | 'absent'> =>
    client.request(`ipfs/${cid.toString()}?format=car&dag-scope=block`, { headers: { accept: CAR_TYPE } }, async (response) => {
      if (isAbsence(response)) return 'absent'
      if (response.status !== 200) throw new StoreError(statusReason(response))
      const type = mediaTypeOf(response)
      if (type !== CAR_TYPE) throw new StoreError(`the answer's type is ${type ?? 'missing'}`)
      return blockInCar(cid, await readAtMost(response, MAX_BLOCK_BYTES + MAX_CAR_OVERHEAD_BYTES, () => new StoreError('the CAR is longer than one of a single block')))
    }, { signal })

  return {
    host: client.base.host,
    async fetchBlock (cid, signal) {
      const raw = asksRaw ? await fetchRaw(cid, signal) : 'not raw'
      const bytes = raw === 'not raw' ? await fetchInCar(cid, signal) : raw
      if (bytes === 'absent') return undefined
      if (raw === 'not raw') asksRaw = false
      await verifyBlock(cid, bytes)
      return bytes
    }
  }
}

/** How gateways say that they do not do a format: bad request, not acceptable, unsupported media type, not implemented. */
const NOT_DONE: readonly number[] = [400, 406, 415, 501]

const isAbsence = ({ status }: Response): boolean => status === 404 || status === 410

/** Roots are not looked at: the specification leaves open what they are. */
const blockInCar = (cid: CID, car: Uint8Array): Uint8Array => {
  const { blocks } = parseCar(car, (reason, options) => new StoreError(`its CAR is damaged: ${reason}`, options))
  for (const { cid: found, bytes } of blocks) if (equals(found.multihash.bytes, cid.multihash.bytes)) return bytes
  throw new StoreError('its CAR does not hold the block')
}

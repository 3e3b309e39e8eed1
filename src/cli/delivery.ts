import type { ProfileId } from '../identity/profile-id.ts'
import { UndeliveredError, type Published, type Receipt } from '../client/receipt.ts'
import type { DeliveryOptions, PublishProgress } from '../client/publish.ts'
import type { Row } from './output.ts'
import { oneLine } from './printable.ts'
import { editPersonaList } from './persona-list.ts'
import type { Session } from './session.ts'

/** A version that was saved, and where it had got to when the command ended. */
export interface Delivered extends Published {
  readonly receipts: readonly Receipt[]
}

/**
 * Starts a publish, shows how it goes, and waits until every delivery has ended: a command that ends at the first one would cut the others off.
 *
 * @throws UndeliveredError when no router took it
 */
export const deliver = async (session: Session, start: (options: DeliveryOptions) => Promise<Published>): Promise<Delivered> => {
  const { offline, output, signal } = session
  const receipts: Receipt[] = []
  const { promise: interrupted, reject } = Promise.withResolvers<never>()
  let onReceipt = (): void => undefined
  const onProgress = (progress: PublishProgress): void => {
    if (progress.type === 'receipt') {
      receipts.push(progress.receipt)
      onReceipt()
    }
    void show(progress, session)
  }
  const published = await start({ wait: offline ? 'local' : 'any', signal, onProgress })
  const underWay = (): string[] => offline ? [] : published.pending.filter((target) => !receipts.some((receipt) => receipt.target === target))
  const onAbort = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    while (underWay().length > 0) {
      await output.progress(`saved; still sending to ${underWay().join(', ')} …`)
      await Promise.race([interrupted, new Promise<void>((resolve) => { onReceipt = resolve })])
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
  return { ...published, receipts, pending: published.pending.filter((target) => !receipts.some((receipt) => receipt.target === target && receipt.outcome === 'delivered')) }
}

/** Notes that a persona has published, so that its next version is looked for first should this device forget it. Also when nobody took it: it may yet be sent. */
export const notFresh = async <T>(id: ProfileId, session: Session, work: () => Promise<T>): Promise<T> => {
  const note = async (): Promise<void> => {
    await editPersonaList(session.directory, (list) => {
      const fresh = list.personas.some((entry) => entry.id === id && entry.fresh)
      return fresh ? { ...list, personas: list.personas.map((entry) => (entry.id === id ? { ...entry, fresh: false } : entry)) } : list
    })
  }
  try {
    const result = await work()
    await note()
    return result
  } catch (error) {
    if (error instanceof UndeliveredError) await note()
    throw error
  }
}

export const deliveryJson = ({ id, cid, sequence, receipts, pending, found }: Delivered) => ({ id, cid, sequence, receipts, pending, ...(found ? { found } : {}) })

/** Of a path that a name pointed to, in characters. */
const MAX_SHOWN_VALUE = 200

export const deliveryRows = ({ receipts, pending, found }: Delivered): Row[] => [
  ['Sent to', receipts.filter(({ outcome }) => outcome === 'delivered').map(({ target, ms }) => `${target} (${Math.round(ms)} ms)`).join(', ')],
  ['Owed to', pending.length === 0 ? undefined : `${pending.map((target) => owedTo(target, receipts)).join('\n')}\nsent by the next command, or by mercury serve`],
  ['Found', found && `version ${found.sequence} (${found.source}); this one is above it${found.value === undefined ? '' : `\nthe name pointed to ${oneLine(found.value).slice(0, MAX_SHOWN_VALUE)}`}`]
]

const owedTo = (target: string, receipts: readonly Receipt[]): string => {
  const { reason, code } = receipts.find((receipt) => receipt.target === target) ?? {}
  return reason === undefined || code === 'OFFLINE' ? target : `${target}: ${reason}`
}

const show = async (progress: PublishProgress, { output }: Session): Promise<void> => {
  if (progress.type === 'looked-up') await output.progress(progress.sequence === undefined ? 'no version found' : `version ${progress.sequence} found`)
  if (progress.type === 'saved') await output.progress('signed and saved; sending …')
  if (progress.type === 'warning') await output.warn(progress.code, progress.message)
}

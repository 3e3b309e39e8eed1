import { createSigner, type Signer } from '../src/identity/signer.ts'
import { DAY_MS } from '../src/limits.ts'
import { createRecord } from '../src/naming/record.ts'
import { signDocument, type SignedDocument } from '../src/profile/document.ts'
import type { ProfileDraft } from '../src/profile/draft.ts'

export interface SignedProfile {
  readonly signer: Signer
  readonly signed: SignedDocument
  readonly record: Uint8Array
}

/** A profile of the key that `seed` repeats 32 times, signed with its record; `now` is when it was. */
export const signProfile = async ({ seed = 1, seq = 1, draft = { name: 'Alice Liddell' }, validityMs = DAY_MS, now = Date.now() }: { seed?: number; seq?: number; draft?: ProfileDraft; validityMs?: number; now?: number } = {}): Promise<SignedProfile> => {
  const signer = await createSigner(new Uint8Array(32).fill(seed))
  const signed = await signDocument(draft, signer, { seq, prev: null, time: 1_790_000_000 })
  return { signer, signed, record: await createRecord(signed, signer, { validityMs, now }) }
}

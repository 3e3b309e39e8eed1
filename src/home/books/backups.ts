import { sha256 } from '@noble/hashes/sha2.js'
import { base32 } from 'multiformats/bases/base32'
import { decodeCborMap, encodeCbor } from '../../cbor.ts'
import { MercuryError, checkLimit } from '../../errors.ts'
import { MAX_BACKUP_BYTES } from '../../hosting/home-client.ts'
import type { ProfileId } from '../../identity/profile-id.ts'
import type { Operation } from '../../store/key-value-store.ts'
import { changing, type BookOptions, type BookParts, type ChangeOptions } from './book.ts'
import { usageKey, type UsageBook } from './usage.ts'

/** Names of one profile. */
export const MAX_BACKUP_NAMES = 8
/** Versions of one name that are kept. */
export const KEPT_VERSIONS = 3
const NAME = /^[a-z0-9._-]{1,64}$/

/** One version of a backup. */
export interface BackupVersion {
  /** 1 for the first of its name. */
  readonly version: number
  /** With its quotation marks; two versions never have the same. */
  readonly etag: string
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** A name, with its versions, the newest first; at least one. */
export interface Backup {
  readonly name: string
  readonly versions: readonly BackupVersion[]
}

/** What must be there for a backup to be put: the version with one of these ETags, any, or none. */
export type BackupCondition = { readonly is: (etag: string) => boolean } | 'none'

/** The version that whoever puts a backup has seen is not the newest one. */
export class BackupChangedError extends MercuryError {
  override readonly name = 'BackupChangedError'
  /** Of the newest version; `undefined` where there is none. */
  readonly etag: string | undefined
  constructor (etag: string | undefined, options?: ErrorOptions) {
    super('PRECONDITION_FAILED', etag === undefined ? 'there is no backup of this name' : 'the newest version of this backup is another; read it first', options)
    this.etag = etag
  }
}

/**
 * Ciphertext that profiles leave here for their owner's other devices: heads under `backup/<id>/<name>`, bodies under `backup-body/<id>/<name>/<version>`.
 *
 * A put is one batch on condition of the head, so of two devices that saw the same version one is refused. The last 3 versions are kept.
 */
export class Backups {
  private readonly parts: BookParts & { readonly usage: UsageBook }

  constructor (parts: BookParts & { readonly usage: UsageBook }) {
    this.parts = parts
  }

  /** In the order of their names; at most 8. */
  async list (id: ProfileId, { signal }: BookOptions = {}): Promise<Backup[]> {
    const prefix = headKey(id, '')
    return Array.fromAsync(this.parts.store.entries({ prefix }, { signal }), ([key, value]) => ({ name: key.slice(prefix.length), versions: decodeHead(value) }))
  }

  /** @param options `version`: one of the last 3; the newest by default. @throws MercuryError `INVALID_BACKUP_NAME` */
  async get (id: ProfileId, name: string, { version, signal }: BookOptions & { version?: number } = {}): Promise<(BackupVersion & { readonly body: Uint8Array }) | undefined> {
    checkName(name)
    const head = await this.parts.store.get(headKey(id, name), { signal })
    const found = head && decodeHead(head).find((kept, i) => (version === undefined ? i === 0 : kept.version === version))
    const body = found && await this.parts.store.get(bodyKey(id, name, found.version), { signal })
    // Another process may have put the third version after it meanwhile.
    return found && body && { ...found, body }
  }

  /** @throws BackupChangedError, LimitError for the bytes, the names and the quota; MercuryError `INVALID_BACKUP_NAME` */
  async put (id: ProfileId, name: string, body: Uint8Array, { condition, quota, note, signal }: ChangeOptions & { condition: BackupCondition; quota: number }): Promise<BackupVersion> {
    const { store, clock, usage } = this.parts
    checkName(name)
    checkLimit('backup bytes', MAX_BACKUP_BYTES, body.byteLength)
    return changing(async () => {
      const key = headKey(id, name)
      const before = await store.get(key, { signal })
      const versions = before ? decodeHead(before) : []
      const newest = versions[0]
      if (condition === 'none' ? newest !== undefined : !newest || !condition.is(newest.etag)) throw new BackupChangedError(newest?.etag)
      const version = (newest?.version ?? 0) + 1
      const put = { version, etag: `"${version}-${base32.baseEncode(sha256(body)).slice(0, 26)}"`, bytes: body.byteLength, at: clock() }
      const dropped = versions.slice(KEPT_VERSIONS - 1)
      const difference = dropped.reduce((sum, { bytes }) => sum - bytes, body.byteLength)
      // Read before the names are counted: two that add a name at the same time both change it, so one of them counts again.
      const charge = await usage.chargeBackup(id, difference, { quota, signal })
      if (!before) checkLimit('backup names', MAX_BACKUP_NAMES, (await this.list(id, { signal })).length + 1)
      await store.batch([
        { type: 'check', key, value: before },
        { type: 'put', key, value: encodeHead([put, ...versions.slice(0, KEPT_VERSIONS - 1)]) },
        { type: 'put', key: bodyKey(id, name, version), value: body },
        ...dropped.map((old): Operation => ({ type: 'delete', key: bodyKey(id, name, old.version) })),
        ...charge,
        ...note?.operations ?? []
      ], { signal })
      return put
    }, { note, signal })
  }

  /** All of a profile that left, and what it took up. */
  async removeAll (id: ProfileId, { signal }: BookOptions = {}): Promise<void> {
    const { store } = this.parts
    const backups = await this.list(id, { signal })
    await store.batch([
      ...backups.flatMap(({ name, versions }): Operation[] => [{ type: 'delete', key: headKey(id, name) }, ...versions.map(({ version }): Operation => ({ type: 'delete', key: bodyKey(id, name, version) }))]),
      { type: 'delete', key: usageKey(id) }
    ], { signal })
  }
}

const checkName = (name: string): void => {
  if (!NAME.test(name)) throw new MercuryError('INVALID_BACKUP_NAME', 'the name of a backup is 1 to 64 of a-z, 0-9, ., _ and -')
}

const headKey = (id: ProfileId, name: string): string => `backup/${id}/${name}`
const bodyKey = (id: ProfileId, name: string, version: number): string => `backup-body/${id}/${name}/${version}`

const encodeHead = (versions: readonly BackupVersion[]): Uint8Array => encodeCbor({ versions: versions.map(({ version, etag, bytes, at }) => ({ version, etag, bytes, at })) })
const decodeHead = (bytes: Uint8Array): readonly BackupVersion[] => decodeCborMap(bytes).versions as unknown as readonly BackupVersion[]

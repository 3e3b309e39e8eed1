import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { afterEach, describe, expect, test } from 'vitest'
import { encodeCbor } from '../../src/cbor.ts'
import { MAX_MESSAGE_BYTES, formatRequest } from '../../src/hosting/agreement.ts'
import { MAX_BACKUP_BYTES } from '../../src/hosting/home-client.ts'
import { signRequest } from '../../src/hosting/request-signature.ts'
import { createSuccession, createPledge, createSigner, putBlock, createHashStore, createMemoryStore, type Signer } from '../../src/index.ts'
import { encodeCar, type CarBlock } from '../../src/store/car.ts'
import { MAX_ARCHIVE_BYTES } from '../../src/limits.ts'
import { DAG_CBOR, RAW, cidOf } from '../../src/store/block.ts'
import { signerOf } from '../client/world.ts'
import { openHome, requestOf, versionOf, type RunningHome } from './running-home.ts'
import { openValidatedFetch } from './validated-fetch.ts'

let home: RunningHome
afterEach(async () => home.close())

const block = async (bytes: Uint8Array, codec = RAW): Promise<CarBlock> => ({ cid: await cidOf(bytes, codec), bytes })
const open = async (settings: object = {}): Promise<void> => { home = await openHome({ settings: { policy: 'open', ...settings } }) }

describe('an upload', () => {
  test('is held until a version links to it, handed out by the gateway, and counts against the quota', async () => {
    await open()
    const alice = await signerOf(2)
    const { acceptance } = await home.client.agree(requestOf(alice), home.home.id, alice)
    const leaf = await block(new Uint8Array(1_000).fill(7))
    const root = await block(encodeCbor({ picture: leaf.cid }), DAG_CBOR)
    await home.client.putBlocks(encodeCar([root.cid], [root, leaf]), alice)
    const response = await fetch(`${home.url}ipfs/${leaf.cid}?format=raw`)
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(leaf.bytes)
    expect((await home.client.agreement(home.home.id, alice.pledge!.next, alice))!.usedBytes).toBe(1_000 + root.bytes.byteLength)
    const version = await versionOf(alice, { seq: 1, homes: [acceptance], fields: { sealed: [] } })
    await home.client.putRecord(alice.id, version.record)
    expect((await home.client.agreement(home.home.id, alice.pledge!.next, alice))!.state).toBe('active')
  })

  test('is refused from whoever has no agreement', async () => {
    await open()
    const alice = await signerOf(2)
    const one = await block(new Uint8Array(3))
    await expect(home.client.putBlocks(encodeCar([one.cid], [one]), alice)).rejects.toMatchObject({ status: 403, refusal: 'NOT_HOSTED' })
  })

  test.each([
    ['no root', async () => { const one = await block(new Uint8Array(3)); return encodeCar([], [one]) }, 400, 'INVALID_UPLOAD'],
    ['two roots', async () => { const one = await block(new Uint8Array(3)); return encodeCar([one.cid, one.cid], [one]) }, 400, 'INVALID_UPLOAD'],
    ['a root that is not in it', async () => { const one = await block(new Uint8Array(3)); return encodeCar([one.cid], []) }, 400, 'INVALID_UPLOAD'],
    ['a block that nothing leads to', async () => { const [one, two] = [await block(new Uint8Array(3)), await block(new Uint8Array(4))]; return encodeCar([one.cid], [one, two]) }, 400, 'INVALID_UPLOAD'],
    ['a block of another hash', async () => { const one = await block(new Uint8Array(3)); return encodeCar([one.cid], [{ cid: one.cid, bytes: new Uint8Array(4) }]) }, 400, 'INVALID_UPLOAD'],
    ['a hash that nobody checks', async () => { const cid = CID.createV1(RAW, createDigest(0x13, new Uint8Array(64))); return encodeCar([cid], [{ cid, bytes: new Uint8Array(3) }]) }, 400, 'UNSUPPORTED'],
    ['over the quota', async () => { const one = await block(new Uint8Array(2_001)); return encodeCar([one.cid], [one]) }, 413, 'LIMIT_EXCEEDED'],
    ['no CAR at all', async () => new TextEncoder().encode('hello'), 400, 'INVALID_UPLOAD']
  ])('with %s is refused', async (_, make, status, refusal) => {
    await open({ quotaBytes: 2_000 })
    const alice = await signerOf(2)
    await home.client.agree(requestOf(alice), home.home.id, alice)
    await expect(home.client.putBlocks(await make(), alice)).rejects.toMatchObject({ ...(status ? { status } : {}), refusal })
    expect((await home.client.agreement(home.home.id, alice.pledge!.next, alice))!.usedBytes).toBe(0)
  })
})

describe('backups', () => {
  test('are put, listed, read, and kept from others', async () => {
    await open()
    const [alice, bob] = [await signerOf(2), await signerOf(3)]
    await expect(home.client.putBackup('vault', new Uint8Array(3), alice)).rejects.toMatchObject({ refusal: 'NOT_HOSTED' })
    await home.client.agree(requestOf(alice), home.home.id, alice)
    await home.client.agree(requestOf(bob), home.home.id, bob)
    const first = await home.client.putBackup('vault', Uint8Array.of(1), alice)
    await expect(home.client.putBackup('vault', Uint8Array.of(2), alice)).rejects.toMatchObject({ status: 412, refusal: 'PRECONDITION_FAILED' })
    const second = await home.client.putBackup('vault', Uint8Array.of(2), alice, { after: first })
    await expect(home.client.putBackup('vault', Uint8Array.of(3), alice, { after: first })).rejects.toMatchObject({ status: 412 })
    expect(await home.client.backup('vault', alice)).toEqual({ bytes: Uint8Array.of(2), etag: second })
    expect(await home.client.backup('vault', bob)).toBeUndefined()
    const url = `${home.url}hosting/v1/backups/vault?version=1`
    const validated = await openValidatedFetch(home.home.url!)
    const old = await validated(url, { headers: await signRequest({ method: 'GET', url }, alice) as any })
    expect(new Uint8Array(await old.arrayBuffer())).toEqual(Uint8Array.of(1))
    const listUrl = `${home.url}hosting/v1/backups`
    const list = await validated(listUrl, { headers: await signRequest({ method: 'GET', url: listUrl }, alice) as any })
    expect(await list.json()).toMatchObject({ backups: [{ name: 'vault', versions: [{ version: 2, etag: second }, { version: 1, etag: first }] }] })
    await home.client.end(alice)
    expect(await home.client.backup('vault', alice)).toBeDefined()
    await expect(home.client.putBackup('vault', Uint8Array.of(3), alice, { after: second })).rejects.toMatchObject({ refusal: 'NOT_HOSTED' })
  })

  test('are not overwritten by who does not say what he has seen', async () => {
    await open()
    const alice = await signerOf(2)
    await home.client.agree(requestOf(alice), home.home.id, alice)
    const url = `${home.url}hosting/v1/backups/vault`
    const validated = await openValidatedFetch(home.home.url!)
    const put = async (headers: Record<string, string>) => (await validated(url, { method: 'PUT', body: Uint8Array.of(1), headers: { 'content-type': 'application/octet-stream', ...headers, ...await signRequest({ method: 'PUT', url, body: Uint8Array.of(1) }, alice) as any } })).status
    expect(await put({})).toBe(428)
    expect(await put({ 'if-none-match': '"x"' })).toBe(428)
    expect(await put({ 'if-match': '*' })).toBe(412)
    expect(await put({ 'if-none-match': '*' })).toBe(200)
    expect(await put({ 'if-match': '*' })).toBe(200)
  })
})

describe('a succession', () => {
  test('is taken from anybody, kept, and handed out with the profile', async () => {
    await open()
    const [key, nextKey] = [new Uint8Array(32).fill(40), new Uint8Array(32).fill(41)]
    const next = await createSigner(nextKey)
    const alice = await createSigner(key, { pledge: await createPledge(await createSigner(key), next.publicKey) })
    const succession = await createSuccession({ from: alice.id, pledge: alice.pledge!, last: null, time: 1 }, next)
    const validated = await openValidatedFetch(home.home.url!)
    const post = async (id: string, body: Uint8Array) => validated(`/profiles/v1/${id}/succession`, { method: 'POST', headers: { 'content-type': 'application/vnd.ipld.dag-cbor' }, body: body as Uint8Array<ArrayBuffer> })
    expect(await (await post(alice.id, encodeCbor(succession))).json()).toMatchObject({ status: 403, code: 'NOT_HOSTED' })
    const { acceptance } = await home.client.agree(requestOf(alice), home.home.id, alice)
    await home.client.putRecord(alice.id, (await versionOf(alice, { seq: 1, homes: [acceptance] })).record)
    expect(await (await post(alice.id, encodeCbor({ ...succession, time: 2 }))).json()).toMatchObject({ status: 400, code: 'INVALID_SIGNATURE' })
    expect(await (await post((await signerOf(3)).id, encodeCbor(succession))).json()).toMatchObject({ status: 403 })
    expect(await (await post(alice.id, encodeCbor(succession))).json()).toEqual({ to: next.id })
    expect((await home.client.profile(alice.id))!.succession).toEqual(succession)
    const revealed = await fetch(`${home.url}ipfs/${(await putBlock(createHashStore(createMemoryStore()), next.publicKey, RAW)).toString()}?format=raw`)
    expect(new Uint8Array(await revealed.arrayBuffer())).toEqual(next.publicKey)
  })
})

describe('a body', () => {
  const MIB = 1_048_576
  const JSON_TYPE = 'application/json'

  /** Exactly `length` bytes: the same blocks again and again, and one that fills up the rest. */
  const carOfLength = async (length: number): Promise<Uint8Array> => {
    const of = async (filling: number) => {
      const [leaf, rest] = [await block(new Uint8Array(MIB).fill(1)), await block(new Uint8Array(filling).fill(2))]
      const root = await block(encodeCbor([leaf.cid, rest.cid]), DAG_CBOR)
      return encodeCar([root.cid], [root, ...Array.from({ length: 15 }, () => leaf), rest])
    }
    return of(MIB - 10_000 + length - (await of(MIB - 10_000)).byteLength)
  }
  const jsonOfLength = (persona: Signer, length: number): Uint8Array => new TextEncoder().encode(JSON.stringify(formatRequest(requestOf(persona))).padEnd(length))

  /** One that is `over` its limit is announced, and not sent: the answer does not wait for it. */
  const send = async (persona: Signer, { method, path, type, body, over = false }: { method: string; path: string; type: string; body: Uint8Array; over?: boolean }) => {
    const url = `${home.url}${path}`
    const headers = { 'content-type': type, 'content-length': body.byteLength, ...(method === 'PUT' ? { 'if-none-match': '*' } : {}), ...await signRequest({ method, url, body }, persona) }
    const sent = httpRequest(url, { method, headers })
    if (over) sent.flushHeaders()
    else sent.end(body)
    const [response] = await once(sent, 'response') as [IncomingMessage]
    const answer = JSON.parse(Buffer.concat(await Array.fromAsync(response)).toString()) as { code?: string }
    sent.destroy()
    return [response.statusCode, answer.code]
  }

  test.each([
    ['POST', 'hosting/v1/agreements', JSON_TYPE, MAX_MESSAGE_BYTES, 262_144, jsonOfLength, 200],
    ['POST', 'hosting/v1/blocks', 'application/vnd.ipld.car', MAX_ARCHIVE_BYTES, 16 * MIB, (_: Signer, length: number) => carOfLength(length), 201],
    ['PUT', 'hosting/v1/backups/vault', 'application/octet-stream', MAX_BACKUP_BYTES, 4 * MIB, (_: Signer, length: number) => new Uint8Array(length), 200]
  ] as const)('of %s %s is read up to its limit, and one byte more is refused before it comes', async (method, path, type, limit, stated, bodyOf, status) => {
    await open()
    const alice = await signerOf(2)
    await home.client.agree(requestOf(alice), home.home.id, alice)
    expect(limit).toBe(stated)
    const [most, more] = [await bodyOf(alice, limit), new Uint8Array(limit + 1)]
    expect(most.byteLength).toBe(limit)
    expect(await send(alice, { method, path, type, body: more, over: true })).toEqual([413, 'LIMIT_EXCEEDED'])
    expect(await send(alice, { method, path, type, body: most })).toEqual([status, undefined])
  })

  test('of a request that needs none is refused', async () => {
    await open()
    const alice = await signerOf(2)
    await home.client.agree(requestOf(alice), home.home.id, alice)
    expect(await send(alice, { method: 'DELETE', path: `hosting/v1/agreements/${alice.id}`, type: JSON_TYPE, body: Uint8Array.of(1) })).toEqual([413, 'LIMIT_EXCEEDED'])
  })
})

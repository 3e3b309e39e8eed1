import { AwsV4Signer } from 'aws4fetch'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, killProcess, requireExecutable, startProcess, type Service } from './service.ts'

export interface S3Service extends Service {
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Makes an empty bucket. */
  createBucket(name: string): Promise<void>
}

/** rclone's S3 server over a folder. @param location where buckets are folders; one of its own by default */
export const openS3Service = async ({ location }: { location?: string } = {}): Promise<S3Service> => {
  const directory = location ?? await mkdtemp(join(tmpdir(), 'mercury-s3-'))
  const credentials = { accessKeyId: 'mercury', secretAccessKey: 'the-secret-of-the-tests' }
  const port = await freePort()
  let child: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const args = ['serve', 's3', '--addr', `127.0.0.1:${port}`, '--auth-key', `${credentials.accessKeyId},${credentials.secretAccessKey}`, '--vfs-cache-mode', 'off', '--config', '', directory]
    child = await startProcess(requireExecutable('S3'), args, { port })
  }
  const stop = async (): Promise<void> => {
    if (child) await killProcess(child)
    child = undefined
  }

  await start()
  return {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    credentials,
    // The server keeps what it has listed, so it does not see folders that were made behind its back.
    async createBucket (name) {
      const { url, method, headers } = await new AwsV4Signer({ ...credentials, method: 'PUT', url: `http://127.0.0.1:${port}/${name}`, service: 's3', region: 'us-east-1' }).sign()
      const { ok, status } = await fetch(url, { method, headers })
      if (!ok) throw new Error(`the bucket ${name} could not be made: status ${status}`)
    },
    start,
    stop,
    async close () {
      await stop()
      if (location === undefined) await rm(directory, { recursive: true, force: true })
    }
  }
}

import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, readFile, readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { SETTINGS, type Setting } from '../../src/cli/settings/table.ts'
import { cleanUp, nextLine, start, temporaryFolder } from './mercury.ts'

const FOLDER = resolve('packaging')
const children: ChildProcessWithoutNullStreams[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    const closed = once(child, 'close')
    child.stdout.resume()
    if (child.kill('SIGKILL')) await closed
  }
})
afterAll(cleanUp)

/** The instructions of a container file, each on one line, with the stage that they belong to. */
const instructionsOf = async (): Promise<{ stage: number; name: string; text: string }[]> => {
  const lines = (await readFile(join(FOLDER, 'Containerfile'), 'utf8')).split('\n').filter((line) => !line.startsWith('#')).join('\n').replace(/\\\n\s*/g, ' ').split('\n')
  let stage = -1
  return lines.map((line) => line.trim()).filter((line) => line !== '').map((line) => {
    const [, name, text] = /^([A-Z]+) (.+)$/.exec(line)!
    if (name === 'FROM') stage++
    return { stage, name: name!, text: text! }
  })
}

/** An address of a home without a node, which starts at once. */
const serve = async (): Promise<string> => {
  const directory = await temporaryFolder()
  await writeFile(join(directory, 'mercury.config.yaml'), 'blocks: level\nrouters: []\n')
  const child = start(['--directory', directory, '--json', 'serve', '--http', '127.0.0.1:0'])
  children.push(child)
  return (await nextLine(child, ({ event }) => event === 'started')).http.replace('http://', '')
}

const statusOf = async (command: string, argv: readonly string[], env: Record<string, string>): Promise<number | null> => {
  const child = spawn(command, argv, { env: { PATH: process.env.PATH, ...env }, stdio: 'ignore' })
  return (await once(child, 'close'))[0] as number | null
}

describe('the container file', () => {
  test('is made of instructions that there are, on a base that fits', async () => {
    const instructions = await instructionsOf()
    for (const { name } of instructions) expect(['FROM', 'WORKDIR', 'COPY', 'RUN', 'ENV', 'USER', 'VOLUME', 'EXPOSE', 'STOPSIGNAL', 'HEALTHCHECK', 'ENTRYPOINT', 'CMD']).toContain(name)
    expect(instructions.filter(({ name }) => name === 'FROM').map(({ text }) => text)).toEqual(['node:24-slim AS package', 'node:24-slim'])
    const last = (name: string): string | undefined => instructions.findLast((instruction) => instruction.name === name && instruction.stage === 1)?.text
    expect([last('USER'), last('VOLUME'), last('STOPSIGNAL')]).toEqual(['node', '/data', 'SIGTERM'])
    expect([JSON.parse(last('ENTRYPOINT')!), JSON.parse(last('CMD')!)]).toEqual([['mercury'], ['serve']])
  })

  test('copies what there is, and runs what a shell can read', async () => {
    const instructions = await instructionsOf()
    for (const { name, text } of instructions) {
      if (name === 'RUN') await promisify(execFile)('sh', ['-n', '-c', text])
      const sources = name === 'COPY' && !text.startsWith('--from') ? text.split(' ').slice(0, -1) : []
      for (const source of sources) expect([source, existsSync(resolve(source))]).toEqual([source, true])
    }
  })

  test('sets only what can be set', async () => {
    const known = [...Object.values(SETTINGS as Record<string, Setting>).map(({ variable }) => variable), 'MERCURY_DIRECTORY']
    const variables = (await instructionsOf()).filter(({ name }) => name === 'ENV').flatMap(({ text }) => [...text.matchAll(/\b(MERCURY_[A-Z_]+)=/g)].map(([, variable]) => variable))
    expect(variables).toEqual(['MERCURY_DIRECTORY', 'MERCURY_HTTP', 'MERCURY_LISTEN'])
    for (const variable of variables) expect(known).toContain(variable)
  })

  test('its health check says how a real home is', async () => {
    const { text } = (await instructionsOf()).find(({ name }) => name === 'HEALTHCHECK')!
    const [command, ...argv] = JSON.parse(text.slice(text.indexOf('CMD ') + 4)) as [string, ...string[]]
    const address = await serve()
    expect(await statusOf(command, argv, { MERCURY_HTTP: address })).toBe(0)
    expect(await statusOf(command, argv, { MERCURY_HTTP: address.replace(/\d+$/, '1') })).toBe(1)
  })

  test('installs the package with every part that a home may need, in the versions that are tested', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'mercury-profiles-0.1.0.tgz'), '')
    const { stdout } = await promisify(execFile)('node', [join(FOLDER, 'container-package.ts'), folder])
    const made = JSON.parse(stdout) as { dependencies: Record<string, string>; overrides: Record<string, string> }
    const { peerDependencies, overrides } = JSON.parse(await readFile('package.json', 'utf8')) as { peerDependencies: Record<string, string>; overrides: Record<string, string> }
    const { vitest: _, ...parts } = peerDependencies
    expect(made.dependencies).toEqual({ 'mercury-profiles': 'file:./mercury-profiles-0.1.0.tgz', ...parts })
    expect(made.overrides['react-native-webrtc']).toBe(overrides['react-native-webrtc'])
  })
})

describe('the units of systemd', () => {
  test('set only what can be set', async () => {
    const known = [...Object.values(SETTINGS as Record<string, Setting>).map(({ variable }) => variable), 'MERCURY_DIRECTORY']
    const text = await readFile(join(FOLDER, 'mercury-home.service'), 'utf8')
    for (const [, variable] of text.matchAll(/\b(MERCURY_[A-Z_]+)\b/g)) expect(known).toContain(variable)
  })

  test.skipIf(!existsSync('/usr/bin/systemd-analyze'))('systemd reads them, and finds little that they expose', async () => {
    const folder = await temporaryFolder()
    for (const name of (await readdir(FOLDER)).filter((file) => /\.(service|timer)$/.test(file))) {
      await copyFile(join(FOLDER, name), join(folder, name))
    }
    // The command is not installed here.
    const unit = await readFile(join(folder, 'mercury-home.service'), 'utf8')
    await writeFile(join(folder, 'mercury-home.service'), unit.replace('ExecStart=mercury', `ExecStart=${resolve('node_modules/.bin/node')} mercury`))
    const units = (await readdir(folder)).map((name) => join(folder, name))
    expect(units).toHaveLength(3)
    const { stdout, stderr } = await promisify(execFile)('systemd-analyze', ['verify', ...units])
    expect(stdout + stderr).toBe('')
    const security = await promisify(execFile)('systemd-analyze', ['security', '--offline=true', '--threshold=20', join(folder, 'mercury-home.service')])
    expect(security.stdout).toContain('OK')
  })

  test('the health check of a start says how a real home is', async () => {
    const unit = await readFile(join(FOLDER, 'mercury-home.service'), 'utf8')
    const [, line] = /^ExecStartPost=(.+)$/m.exec(unit)!
    const check = async (address: string) => statusOf('sh', ['-c', line!.replace('--retry 60', '--retry 0')], { MERCURY_HTTP: address })
    const address = await serve()
    expect(await check(address)).toBe(0)
    expect(await check(address.replace(/\d+$/, '1'))).not.toBe(0)
  })
})

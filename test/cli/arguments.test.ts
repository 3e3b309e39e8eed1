import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../src/cli/arguments.ts'
import { createCommands } from '../../src/cli/commands/index.ts'

const commands = createCommands(async () => 0)
const parse = (...argv: string[]) => parseArguments(argv, commands)

describe('parseArguments', () => {
  test('takes options before, between and after the words', () => {
    for (const argv of [['--json', '--directory', 'd', 'resolve', 'k51'], ['resolve', '--directory=d', 'k51', '--json']]) {
      const { command, flags, words } = parse(...argv)
      expect(command?.name).toBe('resolve')
      expect(words).toEqual(['k51'])
      expect(flags.text('directory')).toBe('d')
      expect(flags.has('json')).toBe(true)
      expect(flags.has('all')).toBe(false)
    }
  })

  test('collects what may be repeated, in order', () => {
    expect(parse('status', '--router', 'http://a', '--router', 'http://b').flags.texts('router')).toEqual(['http://a', 'http://b'])
  })

  test('a dash is a word, and two dashes end the options', () => {
    expect(parse('publish', '-').words).toEqual(['-'])
    expect(parse('publish', '--', '--odd.yaml').words).toEqual(['--odd.yaml'])
  })

  test.each([
    [['publsh', 'x'], 'did you mean publish?'],
    [['stat'], 'did you mean status?'],
    [['xyzzy'], 'mercury help lists them'],
    [['resolve', 'x', '--al'], 'did you mean --all?'],
    [['resolve', 'x', '--ofline'], 'did you mean --offline?'],
    [['resolve', 'x', '--http', 'y'], 'mercury resolve has no option --http'],
    [['resolve', 'x', '-j'], 'no option -j'],
    [['resolve', 'x', '--constructor'], 'no option --constructor'],
    [['resolve', 'x', '--json=yes'], '--json takes no value'],
    [['resolve', 'x', '--no-json'], 'no option --no-json'],
    [['serve', '--http'], '--http needs a value: --http HOST:PORT'],
    [['serve', '--http', '--json'], '--http needs a value'],
    [['serve', '--http='], '--http needs a value'],
    [['status', '--directory', 'a', '--directory', 'b'], '--directory can be given only once'],
    [['init', '--words', '13'], '--words must be one of 12, 24'],
    [['resolve'], 'something is missing: the command is mercury resolve ID|LINK'],
    [['resolve', 'a', 'b'], '"b" is one word too many'],
    [['status', 'now'], '"now" is one word too many']
  ])('refuses %j', (argv, message) => {
    expect(() => parse(...argv)).toThrow(expect.objectContaining({ code: 'MISUSE', message: expect.stringContaining(message) }))
  })

  test('does not mind missing words when help is asked for', () => {
    expect(parse('resolve', '--help').flags.has('help')).toBe(true)
    expect(parse('resolve', '-h').flags.has('help')).toBe(true)
  })

  test('an option of one name may take a value for one command and none for another', () => {
    const copy = parse('copy', '--state', '--from', 'level', '--to', 'fs:x')
    expect([copy.flags.has('state'), copy.words]).toEqual([true, []])
    const home = parse('home', '--state', 'active', 'list')
    expect([home.flags.text('state'), home.words]).toEqual(['active', ['list']])
  })

  test('every command has an example that parses', () => {
    for (const { name, examples } of commands) {
      expect(examples.length).toBeGreaterThan(0)
      for (const { line } of examples) {
        const [, words] = /mercury ((?:[^>|]|\|(?= mercury))*)/.exec(line.slice(line.indexOf('mercury ')))!
        expect(parse(...words!.trim().split(' ')).command?.name).toBe(name)
      }
    }
  })
})

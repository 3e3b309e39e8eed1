import { readFileSync, readdirSync } from 'node:fs'

/** Prints the package.json of a folder that runs a home: the packed package that lies in the folder of the first argument, and every optional part that a home may need, in the versions that were tested. */

interface Package {
  name: string
  peerDependencies: Record<string, string>
  overrides: Record<string, unknown>
  allowScripts: Record<string, boolean>
}

/** Of the contract suites: tests alone need it. */
const NOT_NEEDED = ['vitest']

const [folder = '.'] = process.argv.slice(2)
const { name, peerDependencies, overrides, allowScripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Package
const archive = readdirSync(folder).find((file) => file.startsWith(name) && file.endsWith('.tgz'))
if (archive === undefined) throw new Error(`there is no packed ${name} in ${folder}; run: npm pack --pack-destination ${folder}`)

const parts = Object.fromEntries(Object.entries(peerDependencies).filter(([part]) => !NOT_NEEDED.includes(part)))
const own = Object.fromEntries(Object.entries(allowScripts).filter(([part]) => part in parts))
const kept = Object.fromEntries(Object.entries(overrides).filter(([, version]) => typeof version === 'string'))
console.log(JSON.stringify({ private: true, dependencies: { [name]: `file:./${archive}`, ...parts }, overrides: kept, allowScripts: own }, null, 2))

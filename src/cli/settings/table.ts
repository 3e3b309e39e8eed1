import * as form from './form.ts'
import type { Form } from './form.ts'

/** One thing that can be set: by option, in the environment, or in the configuration file; what comes first here counts first. */
export interface Setting<T = unknown> {
  /** Without its dashes; absent where there is no option. */
  readonly flag?: string
  readonly variable: string
  /** In the file; absent where it is not set there. */
  readonly key?: string
  readonly form: Form<T>
  /** What stands for the value in help texts. */
  readonly value: string
  /** As people read it. */
  readonly default?: string
  readonly summary: string
  /** Of the home alone: other commands neither take nor need it. */
  readonly home?: true
}

const setting = <T>(given: Setting<T>): Setting<T> => given

/** Every setting, by the name that programs know it by, in the order of the help. */
export const SETTINGS = {
  http: setting({ flag: 'http', variable: 'MERCURY_HTTP', key: 'http', form: form.httpAddress, value: 'HOST:PORT', default: '127.0.0.1:8080, or a free port where that is taken', summary: 'answer over HTTP here; none for no HTTP', home: true }),
  publicUrls: setting({ flag: 'public-url', variable: 'MERCURY_PUBLIC_URL', key: 'publicUrls', form: form.urls, value: 'URL', default: 'where it listens', summary: 'where others reach the HTTP side, such as https://home.example behind a reverse proxy; may be repeated', home: true }),
  name: setting({ flag: 'name', variable: 'MERCURY_NAME', key: 'name', form: form.homeName, value: 'NAME', summary: 'what the home is called in its profile', home: true }),
  policy: setting({ flag: 'policy', variable: 'MERCURY_POLICY', key: 'policy', form: form.choice(['open', 'invitation', 'closed']), value: 'POLICY', default: 'invitation', summary: 'whom it takes: open for anybody, invitation for whoever has one, closed for nobody more', home: true }),
  terms: setting({ flag: 'terms', variable: 'MERCURY_TERMS', key: 'terms', form: form.file, value: 'FILE', default: 'no terms', summary: 'a text that whoever joins agrees to', home: true }),
  maxProfiles: setting({ flag: 'max-profiles', variable: 'MERCURY_MAX_PROFILES', key: 'maxProfiles', form: form.wholeNumber(1_000_000_000), value: 'COUNT', default: '100000', summary: 'how many profiles it takes', home: true }),
  quota: setting({ flag: 'quota', variable: 'MERCURY_QUOTA', key: 'quota', form: form.size, value: 'SIZE', default: '64MiB', summary: 'for the pictures and backups of one profile, where mercury home quota says nothing else', home: true }),
  unhostedDays: setting({ flag: 'unhosted-days', variable: 'MERCURY_UNHOSTED_DAYS', key: 'unhostedDays', form: form.wholeNumber(3_650), value: 'DAYS', default: '30', summary: 'how long the newest record of a profile that left is kept', home: true }),
  offerHours: setting({ flag: 'offer-hours', variable: 'MERCURY_OFFER_HOURS', key: 'offerHours', form: form.wholeNumber(8_760), value: 'HOURS', default: '24', summary: 'when an offer that was not used lapses', home: true }),
  indexMinutes: setting({ flag: 'index-minutes', variable: 'MERCURY_INDEX_MINUTES', key: 'indexMinutes', form: form.wholeNumber(1_440), value: 'MINUTES', default: '10', summary: 'how long the search index that was published stands before one with later changes takes its place', home: true }),
  trustProxy: setting({ flag: 'trust-proxy', variable: 'MERCURY_TRUST_PROXY', key: 'trustProxy', form: form.proxies, value: 'ADDRESS', default: 'none', summary: 'a reverse proxy whose X-Forwarded-For is believed, as an address or a network; may be repeated', home: true }),
  listen: setting({ flag: 'listen', variable: 'MERCURY_LISTEN', key: 'listen', form: form.multiaddrs, value: 'MULTIADDR', default: 'a free TCP port of 127.0.0.1', summary: 'listen here for libp2p; /ip4/0.0.0.0/tcp/4001 to be reachable, with /ws at the end for browsers; may be repeated' }),
  announce: setting({ flag: 'announce', variable: 'MERCURY_ANNOUNCE', key: 'announce', form: form.multiaddrs, value: 'MULTIADDR', default: 'where it listens', summary: 'the addresses that others are told; may be repeated' }),
  bootstrap: setting({ flag: 'bootstrap', variable: 'MERCURY_BOOTSTRAP', key: 'bootstrap', form: form.multiaddrs, value: 'MULTIADDR', default: 'the public ones', summary: 'find the network through this peer; may be repeated' }),
  dhtProtocol: setting({ flag: 'dht-protocol', variable: 'MERCURY_DHT_PROTOCOL', key: 'dhtProtocol', form: form.protocol, value: 'NAME', default: 'the public DHT', summary: 'a DHT of its own, on private addresses too' }),
  homes: setting({ flag: 'router', variable: 'MERCURY_ROUTER', form: form.places, value: 'URL', summary: 'also publish to and ask this home or router; may be repeated' }),
  blocks: setting({ variable: 'MERCURY_BLOCKS', key: 'blocks', form: form.placeOrPlaces, value: 'PLACE', default: 'ipfs', summary: 'where blocks are kept, the fastest first' }),
  state: setting({ variable: 'MERCURY_STATE', key: 'state', form: form.place, value: 'PLACE', default: 'level', summary: 'where records, agreements and what is owed are kept' }),
  routers: setting({ variable: 'MERCURY_ROUTERS', key: 'routers', form: form.places, value: 'PLACE', default: 'dht', summary: 'whom to publish to and to ask' })
} as const

export type SettingName = keyof typeof SETTINGS
export type SettingValue<Name extends SettingName> = (typeof SETTINGS)[Name] extends Setting<infer T> ? T : never
/** Only what was set. */
export type SettingValues<Name extends SettingName = SettingName> = { [N in Name]?: SettingValue<N> }

/** Those that every command understands. */
export const NETWORK_SETTINGS = ['listen', 'announce', 'bootstrap', 'dhtProtocol', 'homes', 'blocks', 'state', 'routers'] as const satisfies readonly SettingName[]
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[]

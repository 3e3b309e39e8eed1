import { SECOND_MS } from '../limits.ts'

/** One request that was answered. */
export interface ObservedRequest {
  readonly method: string
  /** The pattern, never the path: a path may name somebody, and there is no end of them. */
  readonly route: string
  readonly status: number
  readonly ms: number
}

/** Counts what a home does, for Prometheus. */
export interface Metrics {
  observe(request: ObservedRequest): void
  /** A request was refused, with this code. */
  refused(code: string): void
  /** Adds a value that is read whenever somebody asks. `name` without the prefix, with its unit. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void
  /** @returns the text format, version 0.0.4 */
  render(): Promise<string>
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const PREFIX = 'mercury_'
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
/** Codes are the program's own words, so there are few. */
const MAX_CODES = 256

interface RouteCounts {
  /** By method and status, with a space between. */
  readonly byStatus: Map<string, number>
  readonly buckets: number[]
  count: number
  seconds: number
}

interface Gauge {
  name: string
  help: string
  read: () => number | Promise<number>
}

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const createMetrics = (): Metrics => {
  const byRoute = new Map<string, RouteCounts>()
  const byCode = new Map<string, number>()
  const gauges: Gauge[] = []

  const countsOf = (route: string): RouteCounts => {
    const known = byRoute.get(route)
    if (known) return known
    const counts: RouteCounts = { byStatus: new Map(), buckets: BUCKETS_S.map(() => 0), count: 0, seconds: 0 }
    byRoute.set(route, counts)
    return counts
  }

  return {
    observe ({ method, route, status, ms }) {
      const counts = countsOf(route)
      const name = `${method} ${status}`
      counts.byStatus.set(name, (counts.byStatus.get(name) ?? 0) + 1)
      const seconds = ms / SECOND_MS
      const bucket = BUCKETS_S.findIndex((bound) => seconds <= bound)
      if (bucket >= 0) counts.buckets[bucket]!++
      counts.count++
      counts.seconds += seconds
    },
    refused (code) {
      if (byCode.has(code) || byCode.size < MAX_CODES) byCode.set(code, (byCode.get(code) ?? 0) + 1)
    },
    gauge (name, help, read) {
      gauges.push({ name: PREFIX + name, help, read })
    },
    async render () {
      const lines = [
        ...family('requests_total', 'counter', 'Requests answered, by route and status.'),
        ...[...byRoute].flatMap(([route, { byStatus }]) => [...byStatus].map(([name, count]) => `${PREFIX}requests_total{${labelsOf(name, route)}} ${count}`)),
        ...family('request_seconds', 'histogram', 'Time from the head of a request to the end of its answer.'),
        ...[...byRoute].flatMap(([route, counts]) => histogram(route, counts)),
        ...family('refusals_total', 'counter', 'Requests refused, by the code of the problem.'),
        ...[...byCode].map(([code, count]) => `${PREFIX}refusals_total{code="${code}"} ${count}`)
      ]
      for (const { name, help, read } of gauges) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${await read()}`)
      return `${lines.join('\n')}\n`
    }
  }
}

const family = (name: string, type: string, help: string): string[] => [`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} ${type}`]

const labelsOf = (name: string, route: string): string => {
  const [method, status] = name.split(' ')
  return `method="${method}",route="${route}",status="${status}"`
}

/** Buckets are cumulative. */
const histogram = (route: string, { buckets, count, seconds }: RouteCounts): string[] => {
  const name = `${PREFIX}request_seconds`
  let below = 0
  const lines = BUCKETS_S.map((bound, i) => `${name}_bucket{route="${route}",le="${bound}"} ${below += buckets[i]!}`)
  return [...lines, `${name}_bucket{route="${route}",le="+Inf"} ${count}`, `${name}_sum{route="${route}"} ${seconds}`, `${name}_count{route="${route}"} ${count}`]
}

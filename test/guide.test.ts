import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describeWithService, freePort, requireExecutable } from './services/service.ts'

const root = new URL('..', import.meta.url).pathname

/** What the guide is run on: stand-ins for what needs the rights of a whole machine, and nothing else. */
const PRELUDE = String.raw`
set -euo pipefail
trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT
cd "$GUIDE"
ln -s "$CLONE/examples" "$CLONE/packaging" .

# The clone has its packages: to install them again would take them from the tests that run beside this one.
npm () { if [ "$1" = ci ]; then return; fi; (cd "$CLONE" && command npm "$@"); }
sudo () { if [ "$1" = -u ]; then shift 2; fi; "$@"; }
install () { local words=() word; for word in "$@"; do case "$word" in --owner=*|--group=*) ;; *) words+=("$word") ;; esac; done; mkdir -p etc/systemd/system var/lib var/backups; command install "\${words[@]}"; }
systemd-sysusers () { test -s etc/sysusers.d/mercury-home.conf; }

# Until it has said that it runs, which it says in the log that is named.
running () { until grep --quiet '^Stop it with' "$1" 2> /dev/null; do kill -0 "$2"; sleep 0.1; done; }

# Runs what the unit says, with the environment that it says.
systemctl () {
  case "$*" in
    daemon-reload) ;;
    'enable --now mercury-home.service mercury-home-health.timer'|'start mercury-home.service')
      test -s etc/systemd/system/mercury-home-health.timer
      local command
      command=$(sed -n 's/^ExecStart=//p' etc/systemd/system/mercury-home.service)
      test "$command" = 'mercury serve'
      (
        set -a
        MERCURY_DIRECTORY="$GUIDE/var/lib/mercury"
        # Values of an EnvironmentFile need no quotes.
        while IFS='=' read -r name value; do printf -v "$name" '%s' "$value"; done < etc/mercury/home.env
        exec $command
      ) >> home.log 2>&1 &
      service=$!
      running home.log "$service"
      ;;
    'stop mercury-home.service') kill -TERM "$service"; wait "$service"; cat home.log >> homes.log; rm home.log ;;
    'reload caddy')
      { echo "{ admin off; auto_https disable_redirects; local_certs; skip_install_trust; http_port $HTTP_PORT }" | sed 's/; /\n/g; s/{ /{\n/; s/ }$/\n}/'; cat caddy-of-the-guide; } > Caddyfile
      "$CADDY" run --config Caddyfile --adapter caddyfile >> caddy.log 2>&1 &
      curl --silent --insecure --output /dev/null --retry 100 --retry-delay 1 --retry-all-errors "https://localhost:$TLS_PORT/healthz"
      export CURL_CA_BUNDLE="$XDG_DATA_HOME/caddy/pki/authorities/local/root.crt" NODE_EXTRA_CA_CERTS="$XDG_DATA_HOME/caddy/pki/authorities/local/root.crt"
      ;;
    *) echo "the guide says systemctl $*, which nothing here stands for" >&2; return 1 ;;
  esac
}
`

/** After the home on one machine: it is stopped as by Ctrl-C, and its friend finds nobody. */
const BETWEEN = String.raw`
kill -INT "$served"; wait "$served"
`

/** What the guide leaves to the friend of a home on a server. */
const AFTERWARDS = String.raw`
link=$(mercury --directory var/lib/mercury home invite 2> /dev/null | head -n 1)
case "$link" in *"/tcp/$TLS_PORT/https"*) ;; *) echo "the invitation does not lead to the public URL: $link" >&2; exit 1 ;; esac
mercury --directory guest init --unprotected > /dev/null
mercury --directory guest join "$link"
mercury --directory guest publish examples/alice.yaml
mercury --directory var/lib/mercury home list
systemctl stop mercury-home.service
`

/** Without what an npm that runs this test would tell the npm of the guide. */
const environment = (): NodeJS.ProcessEnv => Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))

/** The commands of a guide in the order in which they stand there. A line that serves goes on running. */
const scriptOf = (guide: string): string => {
  const [onOneMachine = '', onAServer = ''] = guide.split('## On a server')
  const commands = (text: string): string => [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block).join('\n')
  const [, caddyfile = ''] = /```caddy\n(.*?)```/s.exec(guide) ?? []
  const serving = commands(onOneMachine).replace(/^mercury .* serve .*$/m, (line) => `${line} > serve.log 2>&1 &\nserved=$!\nrunning serve.log "$served"`)
  return [PRELUDE.replaceAll('\\$', '$'), `cat > caddy-of-the-guide <<'EOF'\n${caddyfile}EOF`, serving, BETWEEN, commands(onAServer), AFTERWARDS].join('\n')
}

describeWithService('Caddy', 'the guide for a home', () => {
  it('runs as it is printed, command by command, on a machine that is made of a folder', { timeout: 300_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mercury-guide-'))
    const [port, tlsPort, httpPort] = [await freePort(), await freePort(), await freePort()]
    const guide = await readFile(join(root, 'docs/run-a-home.md'), 'utf8')
    const here = (text: string): string => text
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
      .replaceAll('home.example', `localhost:${tlsPort}`)
      .replaceAll(/(?<=[ =])\/(etc|var)\//g, `${folder}/$1/`)
    const script = join(folder, 'guide.sh')
    await writeFile(script, here(scriptOf(guide)))
    try {
      const child = spawn('bash', [script], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...environment(),
          PATH: [join(folder, 'installed/bin'), join(root, 'node_modules/.bin'), process.env.PATH].join(':'),
          GUIDE: folder, CLONE: root, PORT: String(port), TLS_PORT: String(tlsPort), HTTP_PORT: String(httpPort), CADDY: requireExecutable('Caddy'),
          XDG_DATA_HOME: join(folder, 'data'), XDG_CONFIG_HOME: join(folder, 'config'),
          NPM_CONFIG_PREFIX: join(folder, 'installed'), NPM_CONFIG_IGNORE_SCRIPTS: 'true', NPM_CONFIG_UPDATE_NOTIFIER: 'false',
          NO_COLOR: '1', MERCURY_HTTP: `127.0.0.1:${port}`, MERCURY_LISTEN: '/ip4/127.0.0.1/tcp/0', MERCURY_DHT_PROTOCOL: `/mercury-guide/${process.pid}/kad/1.0.0`
        }
      })
      const output: string[] = []
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => output.push(part.toString()))
      const [status] = await once(child, 'close') as [number]
      const logs = await Promise.all(['serve.log', 'homes.log', 'home.log', 'caddy.log'].map(async (name) => readFile(join(folder, name), 'utf8').catch(() => '')))
      expect(status, [...output, ...logs].join('\n').slice(-8_000)).toBe(0)
      const said = output.join('')
      expect(said).toContain('Published Alice Liddell')
      expect(said).toMatch(/k51\S+ +active/)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})

import { hash } from 'node:crypto'
import { escapeHtml } from './html-text.ts'
import { renderSearch, type PageSearch } from './page-search.ts'

/** What the page for people says of the home. */
export interface HomePage {
  /** Its profile ID and link, where it has a profile. */
  readonly id?: string
  readonly link?: string
  readonly name?: string
  /** What the owner says of it. */
  readonly about?: string
  /** Whom it takes. */
  readonly policy?: 'open' | 'invitation' | 'closed'
}

const JOIN: Readonly<Record<NonNullable<HomePage['policy']>, string>> = {
  open: 'Anybody may join.',
  invitation: 'Whoever runs it can invite you: you then get a link with an invitation in it.',
  closed: 'It takes nobody at present.'
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1d2330;--dim:#5b6475;--ground:#f7f6f3;--card:#fff;--line:#dcdad3;--mark:#0b6b62}
@media (prefers-color-scheme:dark){:root{--ink:#e9e8e4;--dim:#a3a9b5;--ground:#14171d;--card:#1c2028;--line:#333947;--mark:#6fd3c5}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:1.05rem/1.6 system-ui,sans-serif}
main{max-width:42rem;margin:0 auto;padding:clamp(1.5rem,6vw,4.5rem) 1.25rem}
h1{font-size:clamp(1.8rem,5vw,2.6rem);line-height:1.15;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .5rem}
p{margin:0 0 1rem}
.kind{color:var(--mark);font-weight:600;margin:0 0 .25rem}
.about{font-size:1.15rem;color:var(--dim);white-space:pre-line;overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.25rem 1.4rem;margin:1.25rem 0}
section p:last-child{margin-bottom:0}
code{font:.92em/1.5 ui-monospace,monospace;overflow-wrap:anywhere;user-select:all}
pre{margin:0 0 1rem;white-space:pre-wrap}
dt{color:var(--dim);font-size:.9rem}dd{margin:0 0 .75rem}dd:last-child{margin:0}
a{color:var(--mark)}a:focus-visible{outline:3px solid var(--mark);outline-offset:3px}
form{display:flex;flex-wrap:wrap;gap:.5rem;margin:0}
label{flex-basis:100%;color:var(--dim);font-size:.9rem}
input{flex:1 1 14rem;min-width:0}
input,button{font:inherit;padding:.4rem .7rem;border:1px solid var(--line);border-radius:.5rem;background:var(--ground);color:var(--ink)}
button{background:var(--mark);border-color:var(--mark);color:var(--card);font-weight:600}
input:focus-visible,button:focus-visible{outline:3px solid var(--mark);outline-offset:2px}
.hits{list-style:none;margin:1rem 0;padding:0}
.hits li{border-top:1px solid var(--line);padding:.75rem 0;overflow-wrap:anywhere}
.hits p{margin:0}.hits .name{font-weight:600}.hits .more{color:var(--dim);font-size:.95rem}
mark{background:none;color:inherit;text-decoration:underline 2px var(--mark);text-underline-offset:.2em}
form+p{margin-top:1rem}
footer{color:var(--dim);font-size:.9rem}`

/** For the page and for nothing else: it runs nothing, and asks nobody but the home. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${hash('sha256', STYLE, 'base64')}'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`

/** The page at `/`: what this is, who lives here, and how to join. Whatever the home or a profile says of itself is text. */
export const renderPage = ({ id, link, name, about, policy }: HomePage, search: PageSearch = {}): string => {
  const title = escapeHtml(name ?? 'A Mercury home')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<p class="kind">Mercury home</p>
<h1>${title}</h1>
${about === undefined ? '' : `<p class="about">${escapeHtml(about)}</p>\n`}<p>This server keeps profiles for their owners and answers for them while they sleep. Each profile is signed by its owner’s own key, so nobody has to trust this server for what a profile says, and its owner can leave without asking.</p>
${renderSearch(search)}${id === undefined ? '' : identity(id, link)}${link === undefined || policy === undefined ? '' : join(link, policy)}<footer>For programs: <a href="/openapi.json">openapi.json</a></footer>
</main>
</body>
</html>
`
}

const identity = (id: string, link: string | undefined): string => `<section aria-labelledby="identity">
<h2 id="identity">Who this is</h2>
<dl>
<dt>Profile ID</dt><dd><code>${escapeHtml(id)}</code></dd>
${link === undefined ? '' : `<dt>Link</dt><dd><a href="${escapeHtml(link)}"><code>${escapeHtml(link)}</code></a></dd>\n`}</dl>
</section>
`

const join = (link: string, policy: NonNullable<HomePage['policy']>): string => `<section aria-labelledby="join">
<h2 id="join">Living here</h2>
<p>${JOIN[policy]}</p>
${policy === 'closed' ? '' : `<pre><code>mercury join '${escapeHtml(link)}'</code></pre>\n`}</section>
`

// A demo that has told its story and goes on serving the page, and a browser to look at it.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

export async function startDemo () {
  const demo = spawn(process.env.TOKRELAY, ['demo', '--serve', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = []
  for await (const line of createInterface({ input: demo.stdout })) {
    said.push(line)
    const stays = /^The page stays at (\S+) /.exec(line)
    if (stays) return { address: stays[1], stop: () => demo.kill('SIGINT') }
  }
  throw new Error('the demo ended before it served the page:\n' + said.join('\n'))
}

export const startBrowser = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage']
})

// open gives a page that notes what must not happen: errors, and requests that go elsewhere or fail.
export async function open (browser, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  const faults = []
  const requests = []
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) faults.push(message.text()) })
  page.on('pageerror', error => faults.push(String(error)))
  page.on('request', request => {
    requests.push(request)
    if (!request.url().startsWith(address)) faults.push('request to ' + request.url())
  })
  page.on('response', response => { if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`) })
  return { page, faults, requests, close: () => context.close() }
}

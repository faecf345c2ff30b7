// What only a real browser can show: that the page moves, reads well in both themes and on a phone, is fit for everybody,
// and keeps what is typed to itself.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, mkdir, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { open, startBrowser, startDemo } from './demo.mjs'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
let demo, browser, images
const views = {}

before(async () => {
  demo = await startDemo()
  browser = await startBrowser()
  images = process.env.PAGE_IMAGES ?? await mkdtemp(join(tmpdir(), 'tokrelay-page-'))
  await mkdir(images, { recursive: true })
  const refused = (await json('/api/calls.json?outcome=refused'))[0]
  const letter = (await json('/api/rejected.json?reason=invalid_phone'))[0]
  Object.assign(views, {
    overview: '/',
    calls: '/calls',
    call: `/calls/${refused.id}`,
    rejected: '/rejected',
    'rejected-row': '/rejected/' + letter.letter.split('/').slice(1).join('/'),
    found: '/search?place=' + encodeURIComponent(letter.source),
    replay: '/replay',
    files: '/files',
    preview: '/preview',
    configuration: '/config',
    actions: '/actions',
    sync: '/syncs/orders',
    'sync-week': '/syncs/newsletter?span=week',
    columns: '/syncs/orders/columns'
  })
})

after(async () => {
  await browser?.close()
  demo?.stop()
})

const json = async path => (await fetch(demo.address + path)).json()
const sha256 = text => createHash('sha256').update(text).digest('hex')

// seriousFaults is what axe-core finds that keeps somebody from using the page.
async function seriousFaults (page) {
  await page.evaluate(await readScript(axe))
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  return violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => n.target.join(' ')).slice(0, 3).join(', ')}`)
}

const readScript = async path => (await import('node:fs/promises')).readFile(path, 'utf8')

async function picture (page, name, options = {}) {
  const path = join(images, name + '.png')
  await page.screenshot({ path, ...options })
  const { size } = await stat(path)
  assert.ok(size < 200_000, `${name}.png has ${size} bytes`)
}

for (const theme of ['light', 'dark']) {
  test(`every view is without fault in the ${theme} theme`, async () => {
    for (const [name, path] of Object.entries(views)) {
      const { page, faults, close } = await open(browser, demo.address, { colorScheme: theme })
      await page.goto(demo.address + path)
      assert.ok(await page.locator('h1').first().isVisible(), `${name} has no heading`)
      assert.deepEqual(await seriousFaults(page), [], `${name}, ${theme}`)
      assert.deepEqual(faults, [], `${name}, ${theme}`)
      if (theme === 'light' && name !== 'replay') await picture(page, name)
      if (process.env.PAGE_ALL) await page.screenshot({ path: join(process.env.PAGE_ALL, `${name}-${theme}.png`), fullPage: true })
      if (theme === 'dark' && name === 'overview') await picture(page, 'overview-dark')
      await close()
    }
  })
}

for (const [device, viewport] of [['a phone', { width: 360, height: 780 }], ['a tablet', { width: 768, height: 1024 }], ['a small laptop', { width: 1024, height: 700 }]]) test(`every view fits ${device}`, async () => {
  for (const [name, path] of Object.entries(views)) {
    const { page, faults, close } = await open(browser, demo.address, { viewport, isMobile: viewport.width < 800, hasTouch: viewport.width < 800 })
    await page.goto(demo.address + path)
    const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
    assert.ok(wide <= screen, `${name} is ${wide} wide on a screen of ${screen}`)
    assert.deepEqual(await seriousFaults(page), [], `${name} on ${device}`)
    assert.deepEqual(faults, [], name)
    if (name === 'overview' && device === 'a phone') await picture(page, 'phone')
    if (process.env.PAGE_ALL) await page.screenshot({ path: join(process.env.PAGE_ALL, `${name}-${viewport.width}.png`), fullPage: true })
    await close()
  }
})

test('the theme can be chosen, and stays chosen', async () => {
  const { page, faults, close } = await open(browser, demo.address, { colorScheme: 'light' })
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  await page.goto(demo.address)
  const light = await ground()
  await page.getByRole('button', { name: 'Switch to the dark theme' }).click()
  const dark = await ground()
  assert.notEqual(dark, light)
  await page.goto(demo.address + '/calls')
  assert.equal(await ground(), dark)
  assert.deepEqual(faults, [])
  await close()
})

test('times are UTC, or those of the computer, and say how long ago', async () => {
  const { page, faults, close } = await open(browser, demo.address, { timezoneId: 'Asia/Kolkata' })
  await page.goto(demo.address + '/calls')
  const time = page.locator('#live tbody time').last()
  const shown = async () => { const [h, m] = (await time.textContent()).split(' ').at(-1).split(':'); return Number(h) * 60 + Number(m) }
  const utc = await shown()
  const at = new Date(await time.getAttribute('datetime'))
  assert.equal(utc, at.getUTCHours() * 60 + at.getUTCMinutes())
  assert.match(await time.getAttribute('title'), /ago: .* UTC, .* in Asia\/(Kolkata|Calcutta)$/)
  assert.match(await time.getAttribute('data-ago'), /^\d+ (s|min) ago$/)
  await page.getByRole('button', { name: 'UTC: times are UTC' }).click()
  assert.equal(await shown(), (utc + 330) % 1440)
  await page.goto(demo.address + '/rejected')
  assert.match(await page.locator('footer').textContent(), /all times are those of Asia/)
  assert.deepEqual(await seriousFaults(page), [])
  assert.deepEqual(faults, [])
  await close()
})

test('a chart says its value under the pointer and by the arrow keys', async () => {
  const { page, faults, close } = await open(browser, demo.address)
  await page.goto(demo.address + '/syncs/orders')
  const chart = page.locator('.large svg[data-values]').first()
  const values = async () => (await chart.getAttribute('data-values')).split(',').map(Number)
  const reading = page.locator('.reading')
  const box = await chart.boundingBox()
  await page.mouse.move(box.x + 1, box.y + box.height / 2)
  assert.match(await reading.textContent(), /^\d\d:\d\d:\d\d: .* rows\/s$/)
  await page.waitForTimeout(1500) // the page has moved by then
  assert.ok(await reading.isVisible(), 'the reading went when the page moved')
  await page.mouse.move(5, 5)
  assert.ok(!await reading.isVisible())
  await chart.focus()
  const peak = Math.max(...await values())
  const seen = []
  for (let i = 0; i < (await values()).length; i++) {
    await page.keyboard.press('ArrowLeft')
    seen.push(Number((await reading.textContent()).split(' ')[1].replaceAll(',', '')))
  }
  assert.ok(seen.includes(Math.round(peak)), `${seen} lacks the peak ${peak}`)
  assert.deepEqual(faults, [])
  await close()
})

test('rows are chosen one by one, and what was done with them is listed', async () => {
  const { page, faults, close } = await open(browser, demo.address)
  await page.goto(demo.address + '/rejected?sync=orders&reason=invalid_email')
  const boxes = page.locator('#live input[name=row]')
  const chosen = [await boxes.nth(0).getAttribute('value'), await boxes.nth(2).getAttribute('value')]
  await boxes.nth(0).check()
  await boxes.nth(2).check()
  await page.waitForTimeout(1500) // the page has moved by then
  assert.ok(await boxes.nth(2).isChecked())
  await page.getByRole('button', { name: 'Plan only the chosen rows' }).click()
  await page.getByRole('button', { name: 'Send 2 rows' }).waitFor()
  assert.match(await page.locator('#live .lead').textContent(), /2 chosen rows/)
  await page.getByRole('button', { name: 'Send 2 rows' }).click()
  await page.locator('#live').getByText('Ended').waitFor()
  for (const row of chosen) assert.ok((await page.locator('#live').textContent()).includes(`--row ${row}`))
  await page.goto(demo.address + '/actions')
  await page.locator('#live tbody tr', { hasText: '2 chosen rows' }).getByText('done').waitFor()
  assert.match(await page.locator('#live tbody tr', { hasText: '2 chosen rows' }).textContent(), /replay.*the page of/)
  assert.deepEqual(await seriousFaults(page), [])
  await page.goto(demo.address + '/rejected?until=2020-01-01T00:00')
  await page.getByText('Nothing here').waitFor()
  assert.deepEqual(faults, [])
  await close()
})

test('calls are narrowed by a text and a time', async () => {
  const { page, faults, close } = await open(browser, demo.address)
  const refused = (await json('/api/calls.json?outcome=refused'))[0]
  await page.goto(demo.address + '/calls')
  await page.getByLabel('Text').fill(refused.request_id.toUpperCase())
  await page.getByRole('button', { name: 'Show' }).click()
  assert.equal(await page.locator('#live tbody tr').count(), 1)
  await page.getByLabel('until').fill('2020-01-01T00:00')
  await page.getByRole('button', { name: 'Show' }).click()
  assert.equal(await page.locator('#live tbody tr').count(), 0)
  assert.equal((await json('/api/calls.json?until=2020-01-01T00:00')).length, 0)
  assert.deepEqual(faults, [])
  await close()
})

test('an address without a page is answered by one', async () => {
  const { page, close } = await open(browser, demo.address)
  const answer = await page.goto(demo.address + '/nowhere')
  assert.equal(answer.status(), 404)
  assert.ok(await page.getByRole('link', { name: 'Back to the overview' }).isVisible())
  assert.deepEqual(await seriousFaults(page), [])
  await close()
})

// somebody is a customer of the demo whose event TikTok took, with the address in clear. The demo's customers are made of
// two short lists of names and a number, so that a digest leads back to one: which is why digests are personal data too.
async function somebody () {
  const first = ['Ada', 'Björn', 'Chidi', 'Dolores', 'Elif', 'Farid', 'Grace', 'Hiro', 'Inés', 'Jonas', 'Kemi', 'Lena']
  const last = ['Abara', 'Bergström', 'Castro', 'Demir', 'Eze', 'Fischer', 'Garcia', 'Haddad', 'Ito', 'Jensen']
  const calls = (await json('/api/calls.json?sync=signups&outcome=accepted')).filter(call => !call.figures_only)
  const request = JSON.stringify(await json(`/api/calls/${calls[0].id}/request.json`))
  const digests = new Set([...request.matchAll(/"email":"([0-9a-f]{64})"/g)].map(match => match[1]))
  assert.ok(digests.size > 0, 'the call holds no digest of an address')
  for (let id = 1; id < 30_000; id++) {
    for (const f of first) {
      for (const l of last) {
        const address = `${f}.${l}${id}@example.com`
        if (digests.has(sha256(address.toLowerCase()))) return address
      }
    }
  }
  throw new Error('no digest leads back to a customer of the demo')
}

test('a person is found by the clear address, which never leaves the browser', async () => {
  const address = await somebody()
  const typed = ` ${address.toUpperCase()} `
  const { page, faults, requests, close } = await open(browser, demo.address)
  await page.goto(demo.address + '/calls')
  await page.locator('#what').fill(typed)
  await page.getByRole('button', { name: 'Find' }).click()
  await page.locator('#found').getByText(/accepted by TikTok/).first().waitFor()
  await page.locator('#found').getByText('Taken for an e-mail address').waitFor()
  const asked = requests.find(request => request.url().endsWith('/search'))
  assert.match(asked.postData(), new RegExp(`digest=${sha256(address.toLowerCase())}`))
  const name = address.split('@')[0].toLowerCase()
  for (const request of requests) {
    const sent = [request.url(), request.postData() ?? '', JSON.stringify(await request.allHeaders())].join('\n')
    for (const form of [name, encodeURIComponent(name).toLowerCase(), Buffer.from(address).toString('base64').slice(0, 12).toLowerCase(), 'example.com']) {
      assert.ok(!decodeURIComponent(sent.replace(/%(?![0-9a-f]{2})/gi, '')).toLowerCase().includes(form) && !sent.toLowerCase().includes(form), `${request.method()} ${request.url()} carries what was typed`)
    }
  }
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })), '{}')
  assert.deepEqual(await seriousFaults(page), [])
  assert.deepEqual(faults, [])
  await page.locator('#what').fill('')
  await picture(page, 'search')
  await close()
})

test('a row is found by its place, and a stranger is not', async () => {
  const { page, faults, close } = await open(browser, demo.address)
  const letter = (await json('/api/rejected.json?reason=invalid_email'))[0]
  await page.goto(demo.address + '/files')
  await page.locator('#what').fill(letter.source)
  await page.locator('#what').press('Enter')
  await page.locator('#found').getByText(/^Rejected at /).first().waitFor()
  await page.locator('#found .refused').getByText('user.email').waitFor()
  assert.deepEqual(await seriousFaults(page), [])
  await page.locator('#what').fill('nobody@nowhere.example')
  await page.locator('#what').press('Enter')
  await page.locator('#found').getByText(/No row settled/).waitFor()
  await page.locator('#found').getByRole('button', { name: '7 days' }).click()
  await page.locator('#found').getByText(/No row settled/).waitFor()
  assert.deepEqual(faults, [])
  await close()
})

test('identifiers have the forms tokrelay hashes', async () => {
  const { page, close } = await open(browser, demo.address)
  await page.goto(demo.address + '/calls')
  const cases = [
    [' Ada.L+shop@Example.COM ', [], 'ada.l+shop@example.com'],
    ['Ada.L+shop@Example.COM', [], 'ada.l@example.com'],
    ['Ada.L+shop@Example.COM', [], 'adal@example.com'],
    ['+1 (213) 555-0100', [], '+12135550100'],
    ['(213) 555-0100', ['1'], '+12135550100'],
    ['030 1234567', ['49'], '+49301234567'],
    ['0049 30 1234567', [], '+49301234567'],
    [' C-1007 ', [], 'C-1007'],
    ['CDDA802E-FB9C-47AD-9866-0794D394C912', [], 'cdda802e-fb9c-47ad-9866-0794d394c912']
  ]
  for (const [typed, calling, wanted] of cases) {
    const forms = await page.evaluate(([typed, calling]) => globalThis.identify.forms(typed, calling), [typed, calling])
    assert.ok(forms.includes(wanted), `${typed} has the forms ${forms.join(', ')}, not ${wanted}`)
  }
  await close()
})

test('device ids are looked for by MD5 too', async () => {
  const { page, close } = await open(browser, demo.address)
  await page.goto(demo.address + '/calls')
  const id = 'CDDA802E-FB9C-47AD-9866-0794D394C912'
  const asked = await page.evaluate(id => globalThis.identify.question(id, []), id)
  const md5 = text => createHash('md5').update(text).digest('hex')
  for (const wanted of [md5(id), md5(id.toLowerCase()), sha256(id), sha256(id.toLowerCase())]) assert.ok(asked.digests.includes(wanted), wanted)
  for (const length of [0, 1, 55, 56, 63, 64, 119, 120, 500]) {
    const text = 'ä' + 'x'.repeat(length)
    assert.equal(await page.evaluate(text => globalThis.identify.md5(text), text), md5(text), `${length}`)
  }
  await close()
})

test('record keys have the forms that serializers write', async () => {
  const { page, close } = await open(browser, demo.address)
  await page.goto(demo.address)
  const cases = [ // those of find.keyForms: question_test.go
    ['4711', '\u00ce\u0049'], ['4711', '\u00084711'], ['4711', '\0\0\u0012\u0067'], ['4711', '\0\0\0\0\0\0\u0012\u0067'],
    ['id=4711', '\u00ce\u0049'], ['id=4711', '{"id":4711}'], ['id=4711', '{"id":"4711"}'],
    ['shop=de,id=7', '\u0004de\u000e'], ['shop=de,id=7', '{"shop":"de","id":7}'], ['-1', '\u0001'],
    ['a,b=c&d', '\u000ea,b=c&d'], ['a,b=c&d', '"a,b=c&d"'], ['id=a&b<c', '{"id":"a&b<c"}']
  ]
  for (const [typed, wanted] of cases) {
    const forms = await page.evaluate(typed => globalThis.identify.keys(typed).map(bytes => String.fromCharCode(...bytes)), typed)
    assert.ok(forms.includes(wanted), `${typed} has not the form ${JSON.stringify(wanted)} among ${JSON.stringify(forms)}`)
  }
  const kinds = { 'ada@example.com': 'email', '+1 213 555 0100': 'phone', 'e-77': 'text', '0170 1234567': 'number', 'a/1/2': 'position', [sha256('x')]: 'digest' }
  for (const [typed, kind] of Object.entries(kinds)) {
    assert.equal((await page.evaluate(typed => globalThis.identify.question(typed, []), typed)).as, kind, typed)
  }
  await close()
})

test('calls go back further than memory, page by page', async () => {
  const { page, faults, close } = await open(browser, demo.address)
  await page.goto(demo.address + '/calls')
  await page.getByText('Calls of all instances').waitFor()
  const newest = await page.locator('#live tbody tr').first().getAttribute('data-key')
  await page.getByRole('link', { name: 'Older calls' }).click()
  await page.getByText('Calls before').waitFor()
  assert.notEqual(await page.locator('#live tbody tr').first().getAttribute('data-key'), newest)
  await page.getByRole('link', { name: 'The newest' }).click()
  await page.waitForFunction(key => document.querySelector('#live tbody tr')?.dataset.key === key, newest)
  assert.deepEqual(faults, [])
  await close()
})

test('a replay is limited, tried without sending, and planned again', async () => {
  const { page, faults, close } = await open(browser, demo.address)
  const calls = (await json('/api/calls.json')).length
  await page.goto(demo.address + '/rejected?sync=orders&reason=invalid_phone')
  await page.getByText('Options', { exact: true }).click()
  await page.getByLabel('at most', { exact: false }).first().fill('2')
  await page.locator('input[name=rate]').fill('100')
  await page.getByRole('button', { name: /^Plan a replay/ }).click()
  await page.getByRole('button', { name: 'Send 2 rows' }).waitFor()
  assert.match(await page.locator('#live .lead').textContent(), /at most 2 rows, 100 a second/)
  assert.deepEqual(await seriousFaults(page), [])
  await picture(page, 'replay')
  await page.getByRole('button', { name: 'Try without sending' }).click()
  await page.locator('#live').getByText('Tried, nothing was sent').waitFor()
  assert.equal(await page.locator('dt:has-text("Would be rejected again") + dd').textContent(), '2')
  assert.equal((await json('/api/calls.json')).length, calls, 'something was sent')
  assert.deepEqual(await seriousFaults(page), [])
  await page.getByRole('button', { name: 'Plan it again' }).click()
  await page.getByRole('button', { name: 'Drop the plan' }).click()
  await page.getByText('No replay under way').waitFor()
  assert.deepEqual(faults, [])
  await close()
})

test('the page moves by itself while a replay runs, and can be paused', async () => {
  const watching = await open(browser, demo.address)
  await watching.page.goto(demo.address + '/calls')
  await watching.page.getByRole('button', { name: 'Live' }).waitFor()
  const newest = () => watching.page.locator('#live tbody tr').first().getAttribute('data-key')
  const first = Number(await newest())
  let loads = 0
  watching.page.on('load', () => loads++)

  const acting = await open(browser, demo.address)
  await acting.page.goto(demo.address + '/rejected?sync=orders&reason=refused_by_tiktok')
  await acting.page.getByRole('button', { name: /^Plan a replay/ }).click()
  await acting.page.getByRole('button', { name: 'Send 1 row' }).click()
  await acting.page.locator('#live').getByText('Ended').waitFor()
  assert.deepEqual(await seriousFaults(acting.page), [])

  await watching.page.waitForFunction(first => Number(document.querySelector('#live tbody tr').dataset.key) > first, first)
  assert.equal(loads, 0, 'the page was loaded again')
  await watching.page.locator('#pause').click()
  await watching.page.getByRole('button', { name: 'Paused' }).waitFor()
  assert.equal(await watching.page.locator('#pause').getAttribute('aria-pressed'), 'true')
  assert.deepEqual(watching.faults, [])
  assert.deepEqual(acting.faults, [])
  await watching.close()
  await acting.close()
})

test('a page whose daemon is gone turns grey and says since when', async () => {
  const other = await startDemo()
  const { page, close } = await open(browser, other.address)
  const still = await page.context().newPage() // a page that does not move
  await still.goto(other.address + '/preview')
  await page.goto(other.address + '/')
  await page.waitForFunction(() => document.getElementById('pulse').textContent === 'Live')
  assert.match(await page.title(), /^■ first-customers needs attention/)
  assert.equal(await page.locator('#live.gone').count(), 0)
  other.stop()
  await page.locator('#live.gone').waitFor()
  assert.match(await page.locator('#pulse').textContent(), /^No answer since \d\d:\d\d:\d\d$/)
  assert.match(await page.locator('#say').textContent(), /what is shown is old/)
  assert.match(await page.title(), /no answer since/)
  assert.match(await page.locator('link[rel=icon]').getAttribute('href'), /icon-gone/)
  await still.locator('#main.gone').waitFor()
  assert.match(await still.title(), /no answer since/)
  await close()
})

test('a row that is pasted shows its item, and stays where it was typed', async () => {
  const { page, faults, close } = await open(browser, demo.address)
  await page.goto(demo.address + '/preview')
  const row = { order_uid: 'u-1', status: 'paid', email: 'ada@example.org', page_url: 'https://shop.example/', amount: '12.50', currency: 'EUR', occurred_at: new Date().toISOString() }
  await page.locator('textarea').fill(JSON.stringify(row) + '\n' + JSON.stringify({ ...row, currency: 'EURO' }))
  await page.getByRole('button', { name: 'Show what becomes of them' }).click()
  await page.getByText('would be sent').waitFor()
  await page.getByText('would be rejected').waitFor()
  assert.ok((await page.locator('#results').textContent()).includes(sha256('ada@example.org')))
  assert.ok((await page.locator('textarea').inputValue()).includes('EURO'))
  assert.deepEqual(await seriousFaults(page), [])
  assert.deepEqual(faults, [])
  await picture(page, 'preview')
  await close()
})

test('without JavaScript everything can be read', async () => {
  const { page, close } = await open(browser, demo.address, { javaScriptEnabled: false })
  await page.goto(demo.address)
  assert.ok(await page.getByRole('heading', { name: 'orders', exact: true }).isVisible())
  await page.getByRole('link', { name: 'Calls', exact: true }).click()
  await page.getByLabel('Outcome').selectOption('split')
  await page.getByRole('button', { name: 'Show' }).click()
  await page.locator('.calls tbody a').first().click()
  assert.ok(await page.getByRole('heading', { name: 'The batch, call by call' }).isVisible())
  await page.goto(demo.address + '/preview')
  await page.locator('textarea').fill('{"status":"paid"}')
  await page.getByRole('button', { name: 'Show what becomes of them' }).click()
  assert.ok(await page.getByText('would be rejected').isVisible())
  await close()
})

test('the keyboard reaches everything', async () => {
  const { page, close } = await open(browser, demo.address)
  await page.goto(demo.address)
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main')
  await page.goto(demo.address + views.call)
  const unreachable = await page.evaluate(() => [...document.querySelectorAll('pre')].filter(pre => pre.scrollWidth > pre.clientWidth && pre.tabIndex < 0).length)
  assert.equal(unreachable, 0, 'blocks that scroll and cannot be focused')
  await close()
})

// Brings a page to life that works without it: follows changes, hashes what is searched for, copies, and changes the theme.
(() => {
  'use strict'
  const byId = id => document.getElementById(id)

  // --- theme ---------------------------------------------------------------------------------------------------------
  const root = document.documentElement
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const isDark = () => (root.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark'
  const theme = byId('theme')
  const nameTheme = () => { theme.textContent = isDark() ? 'Light' : 'Dark'; theme.setAttribute('aria-label', `Switch to the ${isDark() ? 'light' : 'dark'} theme`) }
  theme.hidden = false
  nameTheme()
  dark.addEventListener('change', nameTheme)
  theme.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark'
    try { localStorage.setItem('theme', root.dataset.theme) } catch { /* storage is off */ }
    nameTheme()
  })

  // --- times: UTC or this computer's, and how long ago ------------------------------------------------------------------
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone
  const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
  const zone = byId('zone')
  let local = false
  try { local = localStorage.getItem('zone') === 'local' } catch { /* storage is off */ }
  const two = n => String(n).padStart(2, '0')

  // clock writes a moment as the server does.
  function clock (at, local) {
    const [month, day, ...time] = local
      ? [at.getMonth(), at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()]
      : [at.getUTCMonth(), at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
    if (Math.abs(Date.now() - at) < 20 * 3600e3) return time.map(two).join(':')
    return `${day} ${months[month]} ${two(time[0])}:${two(time[1])}`
  }

  function ago (at) {
    const seconds = Math.abs(Date.now() - at) / 1000
    const [n, unit] = seconds < 5 ? [0, ''] : seconds < 120 ? [seconds, 's'] : seconds < 7200 ? [seconds / 60, 'min'] : seconds < 172800 ? [seconds / 3600, 'h'] : [seconds / 86400, 'days']
    if (unit === '') return 'just now'
    return at > Date.now() ? `in ${Math.floor(n)} ${unit}` : `${Math.floor(n)} ${unit} ago`
  }

  function times (within) {
    for (const node of within.querySelectorAll('time[datetime]')) {
      const at = new Date(node.getAttribute('datetime'))
      if (!(at > 0)) continue
      const text = clock(at, local)
      if (node.textContent !== text) {
        const link = node.closest('a[aria-label]')
        link?.setAttribute('aria-label', link.getAttribute('aria-label').replace(node.textContent, text))
        node.textContent = text
      }
      node.title = `${ago(at)}: ${clock(at, false)} UTC, ${clock(at, true)} in ${here}`
      if (!node.closest('.times')) node.dataset.ago = ago(at)
    }
  }

  function nameZone () {
    zone.textContent = local ? 'Local' : 'UTC'
    zone.setAttribute('aria-label', local ? `Local: times are those of ${here}, switch to UTC` : `UTC: times are UTC, switch to those of ${here}`)
    byId('zones').textContent = local ? `all times are those of ${here}` : 'all times are UTC'
    times(document)
  }
  zone.hidden = false
  nameZone()
  setInterval(() => times(document), 5000)
  zone.addEventListener('click', () => {
    local = !local
    try { localStorage.setItem('zone', local ? 'local' : 'utc') } catch { /* storage is off */ }
    nameZone()
  })

  // --- charts: the value under the pointer, or by the arrow keys ---------------------------------------------------------
  const reading = document.createElement('p')
  reading.className = 'reading'
  reading.hidden = true
  document.body.append(reading)

  let reader = null // the chart that is read, and where

  function read (svg, share) {
    reader = { svg, share }
    const values = svg.dataset.values.split(',')
    const last = Math.max(1, values.length - 1)
    const i = Math.max(0, Math.min(values.length - 1, Math.round(share * last)))
    const box = svg.getBoundingClientRect()
    const value = Number(values[i])
    svg.querySelector('.at').setAttribute('d', `M${300 * i / last} 0V48`)
    reading.textContent = `${clock(new Date(Number(svg.dataset.from) + i * Number(svg.dataset.step)), local)}: ${value >= 10 ? Math.round(value).toLocaleString('en') : value} ${svg.dataset.unit}`
    reading.hidden = false
    const left = box.left + box.width * i / last
    reading.style.left = `${Math.max(4, Math.min(innerWidth - reading.offsetWidth - 4, left - reading.offsetWidth / 2))}px`
    reading.style.top = `${Math.max(4, box.top - reading.offsetHeight - 6)}px`
  }

  function unread () {
    reading.hidden = true
    reader = null
    for (const at of document.querySelectorAll('.chart .at')) if (at.getAttribute('d')) at.setAttribute('d', '')
  }

  document.addEventListener('pointermove', event => {
    const svg = event.target.closest?.('svg[data-values]')
    if (!svg) { if (!reading.hidden && !document.activeElement?.dataset?.values) unread(); return }
    const box = svg.getBoundingClientRect()
    unread()
    read(svg, (event.clientX - box.left) / box.width)
  })
  document.addEventListener('keydown', event => {
    const svg = document.activeElement?.closest?.('svg[data-values]')
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (!svg || !by) return
    event.preventDefault()
    const last = Math.max(1, svg.dataset.values.split(',').length - 1)
    read(svg, Math.max(0, Math.min(1, (reader?.svg === svg ? reader.share : 1) + by / last)))
    byId('say').textContent = reading.textContent
  })
  document.addEventListener('focusout', unread)

  // --- trouble: the title and the icon tell it ---------------------------------------------------------------------------
  const plain = document.querySelector('title').dataset.plain
  function tell ({ tone, text }) {
    document.title = tone ? `${tone === 'wait' ? '▲' : '■'} ${text} · ${plain}` : plain
    document.querySelector('link[rel=icon]').href = tone ? `/assets/icon-${tone}.svg` : '/assets/icon.svg'
  }
  let told = { title: document.title, icon: document.querySelector('link[rel=icon]').getAttribute('href') }
  function keep () { told = { title: document.title, icon: document.querySelector('link[rel=icon]').getAttribute('href') } }

  // lost greys the page; back takes that back.
  let gone = null // since when the daemon does not answer
  function lost (grey) {
    if (!gone) { gone = new Date(); keep() }
    grey.classList.add('gone')
    const since = clock(gone, local)
    byId('say').textContent = `The daemon does not answer since ${since}: what is shown is old.`
    tell({ tone: 'gone', text: `no answer since ${since}` })
    return `No answer since ${since}`
  }
  function back (grey) {
    grey.classList.remove('gone')
    if (!gone) return
    gone = null
    document.title = told.title
    document.querySelector('link[rel=icon]').href = told.icon
  }

  // --- copy ----------------------------------------------------------------------------------------------------------
  for (const button of document.querySelectorAll('[data-copy]')) {
    if (!navigator.clipboard) continue
    button.hidden = false
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(byId(button.dataset.copy).textContent)
      button.textContent = 'Copied'
      setTimeout(() => { button.textContent = 'Copy' }, 1500)
    })
  }

  // --- live ----------------------------------------------------------------------------------------------------------
  // patch makes one tree equal to another and touches only what differs, so that focus, selection and opened details stay.
  function patch (old, next) {
    const kept = new Map()
    for (const child of old.children) if (child.dataset.key) kept.set(child.dataset.key, child)
    let at = old.firstChild
    for (const wanted of [...next.childNodes]) {
      const keyed = wanted.dataset?.key && kept.get(wanted.dataset.key)
      if (keyed && keyed !== at) { old.insertBefore(keyed, at); at = keyed }
      if (at && same(at, wanted)) {
        update(at, wanted)
        at = at.nextSibling
      } else {
        old.insertBefore(wanted, at)
      }
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove() }
  }

  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key

  function update (old, next) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue
      return
    }
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value)
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !(name === 'open' && old.nodeName === 'DETAILS')) old.removeAttribute(name)
    patch(old, next)
  }

  const live = byId('live')
  const pause = byId('pause')
  const pulse = byId('pulse')
  let source = null

  // said is what a screen reader is told of: states in words, when they change.
  const said = () => [...live.querySelectorAll('[data-say]')].map(node => node.textContent.trim()).join('. ')

  function show (html) {
    const before = said()
    const next = document.createElement('div')
    next.innerHTML = html
    patch(live, next)
    times(live)
    if (reader?.svg.isConnected) read(reader.svg, reader.share)
    if (said() !== before) byId('say').textContent = said()
  }

  function follow () {
    source = new EventSource(location.href)
    source.addEventListener('live', event => show(event.data))
    source.addEventListener('trouble', event => tell(JSON.parse(event.data)))
    source.addEventListener('open', () => { back(live); pause.dataset.state = 'live'; pulse.textContent = 'Live' })
    source.addEventListener('error', () => { pause.dataset.state = 'away'; pulse.textContent = lost(live) })
  }

  function stop () {
    source?.close()
    source = null
    pause.dataset.state = 'paused'
    pulse.textContent = 'Paused'
  }

  if (live) {
    pause.hidden = false
    follow()
    pause.addEventListener('click', () => {
      if (source) stop(); else follow()
      pause.setAttribute('aria-pressed', String(!source))
    })
    addEventListener('pagehide', () => source?.close())
    addEventListener('pageshow', event => { if (event.persisted && pause.dataset.state !== 'paused') follow() })
  }

  // A page that does not move asks whether the daemon is there.
  if (!live) {
    setInterval(() => fetch('/livez').then(() => back(byId('main')), () => {
      pause.hidden = false
      pause.disabled = true
      pause.dataset.state = 'away'
      pulse.textContent = lost(byId('main'))
    }).then(() => { if (!gone) pause.hidden = true }), 5000)
  }

  // --- forms whose answer is put into the page, so that what was typed stays ------------------------------------------
  for (const form of document.querySelectorAll('form[data-into]')) {
    form.addEventListener('submit', async event => {
      event.preventDefault()
      const results = byId(form.dataset.into)
      try {
        const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form, event.submitter)) })
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
        results.replaceChildren(...(page.getElementById(form.dataset.into) ?? page.querySelector('main')).childNodes)
        times(results)
      } catch (problem) {
        results.textContent = `This did not work (${problem.message}).`
      }
    })
  }

  // --- search --------------------------------------------------------------------------------------------------------
  const search = byId('search')
  const found = byId('found')

  // ask shows what became of what is typed; hours is how far back to look, "" for the usual.
  async function ask (hours) {
    const typed = byId('what').value
    if (typed.trim() === '') return
    const { as, digests, place } = await globalThis.identify.question(typed, search.dataset.calling.split(' ').filter(Boolean))
    const body = new URLSearchParams([['as', as], ...digests.map(digest => ['digest', digest])])
    if (place) body.set('place', place)
    if (hours) body.set('hours', hours)
    found.textContent = 'Looking …'
    try {
      const answer = await fetch(search.action, { method: 'POST', body })
      const html = await answer.text()
      if (!answer.ok) throw new Error(new DOMParser().parseFromString(html, 'text/html').querySelector('main .note, main p, p')?.textContent ?? String(answer.status))
      found.innerHTML = html
      times(found)
    } catch (problem) {
      found.textContent = `The search did not work (${problem.message}).`
    }
  }

  if (search && !globalThis.identify.available) {
    byId('privacy').textContent = 'Searching needs a secure address (https or localhost): without one, this browser offers no hashing.'
    byId('privacy').classList.remove('unseen')
  } else if (search) {
    search.hidden = false
    search.addEventListener('submit', event => { event.preventDefault(); ask('') })
    document.addEventListener('click', event => {
      const hours = event.target.dataset?.hours
      if (hours === undefined) return
      if (byId('what').value.trim() === '') location.search += `&hours=${hours}` // a page of its own
      else ask(hours)
    })
  }
})()

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
  let gone = null // since when the daemon does not answer: what is shown is grey then

  // said is what a screen reader is told of: states in words, when they change.
  const said = () => [...live.querySelectorAll('[data-say]')].map(node => node.textContent.trim()).join('. ')

  function show (html) {
    const before = said()
    const next = document.createElement('div')
    next.innerHTML = html
    patch(live, next)
    if (said() !== before) byId('say').textContent = said()
  }

  function follow () {
    source = new EventSource(location.href)
    source.addEventListener('live', event => show(event.data))
    source.addEventListener('open', () => { gone = null; pause.dataset.state = 'live'; pulse.textContent = 'Live'; live.classList.remove('gone') })
    source.addEventListener('error', () => {
      gone ??= new Date().toISOString().slice(11, 19)
      pause.dataset.state = 'away'
      pulse.textContent = `No answer since ${gone}`
      live.classList.add('gone')
      byId('say').textContent = `The daemon does not answer since ${gone}: what is shown is old.`
    })
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

  // --- forms whose answer is put into the page, so that what was typed stays ------------------------------------------
  for (const form of document.querySelectorAll('form[data-into]')) {
    form.addEventListener('submit', async event => {
      event.preventDefault()
      const results = byId(form.dataset.into)
      try {
        const answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form, event.submitter)) })
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
        results.replaceChildren(...(page.getElementById(form.dataset.into) ?? page.querySelector('main')).childNodes)
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

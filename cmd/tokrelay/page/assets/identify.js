// What a person typed, as the identifiers it may be: the forms that tokrelay hashes (pipeline/identity). Everything here
// stays in the browser; only the digests leave it.
globalThis.identify = (() => {
  'use strict'

  const place = /^[\w.-]{1,249}\/\d{1,10}\/\d{1,19}$/
  const digest = /^[0-9a-f]{64}$/i

  function emails (text) {
    const address = text.replace(/\s/g, '').toLowerCase()
    const [local, domain] = address.split('@')
    const plain = local.split('+')[0]
    return [address, plain + '@' + domain, local.replaceAll('.', '') + '@' + domain, plain.replaceAll('.', '') + '@' + domain]
  }

  // Numbers are hashed as E.164 with the plus. One in national form is tried with the configured countries.
  function phones (text, calling) {
    const digits = text.replace(/\D/g, '')
    if (digits.length < 7 || digits.length > 17 || !/^[\s\d+()./-]+$/.test(text)) return []
    if (text.trim().startsWith('+')) return ['+' + digits, '+' + digits.replace(/^(\d{1,3}?)0/, '$1')]
    if (digits.startsWith('00')) return ['+' + digits.slice(2)]
    return ['+' + digits, ...calling.flatMap(code => ['+' + code + digits.replace(/^0/, ''), '+' + code + digits])]
  }

  // forms are the texts that may have been hashed.
  function forms (text, calling = []) {
    const trimmed = text.trim()
    const list = [trimmed, trimmed.toLowerCase(), trimmed.toUpperCase(), ...phones(trimmed, calling)]
    if (trimmed.split('@').length === 2) list.push(...emails(trimmed))
    return [...new Set(list)].filter(form => form !== '')
  }

  async function sha256 (text) {
    const sum = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    return Array.from(new Uint8Array(sum), byte => byte.toString(16).padStart(2, '0')).join('')
  }

  // question is what is asked of the server: digests, and the place in Kafka if that is what was typed.
  async function question (text, calling) {
    const trimmed = text.trim()
    if (place.test(trimmed)) return { digests: [], place: trimmed }
    const digests = await Promise.all(forms(trimmed, calling).map(sha256))
    if (digest.test(trimmed)) digests.push(trimmed.toLowerCase())
    return { digests, place: '' }
  }

  return { forms, question, available: Boolean(globalThis.crypto?.subtle) }
})()

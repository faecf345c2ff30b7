// What a person typed, as the identifiers it may be: the forms that tokrelay hashes (pipeline/identity). Everything here
// stays in the browser; only digests leave it: SHA-256, and MD5 where that is what device ids are hashed with.
globalThis.identify = (() => {
  'use strict'

  const place = /^[\w.-]{1,249}\/\d{1,10}\/\d{1,19}$/
  const digest = /^(?:[0-9a-f]{64}|[0-9a-f]{32})$/i
  const device = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

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

  // keys are what a record's key may be, without its framing, whose columns have the values that were typed: one, or
  // name=value,name=value. They are those of find.keyForms: Avro's, JSON's and Kafka's own serializers'.
  const most = 8
  const isWhole = value => /^[+-]?\d{1,19}$/.test(value) && BigInt(value) >= -(2n ** 63n) && BigInt(value) < 2n ** 63n
  const encoded = text => [...new TextEncoder().encode(text)]

  function varint (n) { // zigzag
    const bytes = []
    for (n = BigInt.asUintN(64, (n << 1n) ^ (n >> 63n)); n > 127n; n >>= 7n) bytes.push(Number(n & 127n) | 128)
    return [...bytes, Number(n)]
  }

  function keys (text) {
    let avro = [[]]
    let objects = ['{']
    text.split(',').forEach((part, i) => {
      const at = part.indexOf('=')
      const value = part.slice(at + 1)
      const bytes = encoded(value)
      const ends = [...(isWhole(value) ? [varint(BigInt(value))] : []), [...varint(BigInt(bytes.length)), ...bytes]]
      avro = avro.flatMap(beginning => ends.map(end => [...beginning, ...end])).slice(0, most)
      if (at < 0) { objects = []; return }
      const values = [...(isWhole(value) ? [value] : []), JSON.stringify(value)]
      objects = objects.flatMap(beginning => values.map(v => beginning + (i > 0 ? ',' : '') + JSON.stringify(part.slice(0, at)) + ':' + v)).slice(0, most)
    })
    const list = objects.map(object => encoded(object + '}'))
    list.push(encoded(JSON.stringify(text)))
    if (/[,=]/.test(text)) list.push([...varint(BigInt(encoded(text).length)), ...encoded(text)]) // they may be part of the only column's value
    if (isWhole(text)) {
      const n = BigInt(text)
      const wide = Array.from({ length: 8 }, (_, i) => Number(BigInt.asUintN(64, n) >> BigInt(56 - 8 * i) & 255n))
      list.push(wide)
      if (BigInt.asIntN(32, n) === n) list.push(wide.slice(4))
    }
    return [...list, ...avro]
  }

  async function sha256 (text) {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : Uint8Array.from(text)
    const sum = await crypto.subtle.digest('SHA-256', bytes)
    return Array.from(new Uint8Array(sum), byte => byte.toString(16).padStart(2, '0')).join('')
  }

  // md5 is RFC 1321: browsers have none of their own.
  function md5 (text) {
    const bytes = new TextEncoder().encode(text)
    const blocks = new DataView(new ArrayBuffer(((bytes.length + 8) >>> 6) * 64 + 64))
    bytes.forEach((byte, i) => blocks.setUint8(i, byte))
    blocks.setUint8(bytes.length, 0x80)
    blocks.setUint32(blocks.byteLength - 8, bytes.length * 8, true)
    const turns = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
    const places = [i => i, i => 5 * i + 1, i => 3 * i + 5, i => 7 * i]
    const mixes = [(b, c, d) => (b & c) | (~b & d), (b, c, d) => (b & d) | (c & ~d), (b, c, d) => b ^ c ^ d, (b, c, d) => c ^ (b | ~d)]
    const sum = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]
    for (let at = 0; at < blocks.byteLength; at += 64) {
      let [a, b, c, d] = sum
      for (let i = 0; i < 64; i++) {
        const round = i >> 4
        const x = a + mixes[round](b, c, d) + Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) + blocks.getUint32(at + 4 * (places[round](i) % 16), true) | 0
        const by = turns[round][i % 4];
        [a, d, c, b] = [d, c, b, b + ((x << by) | (x >>> (32 - by))) | 0]
      }
      [a, b, c, d].forEach((word, i) => { sum[i] = sum[i] + word | 0 })
    }
    const out = new DataView(new ArrayBuffer(16))
    sum.forEach((word, i) => out.setInt32(4 * i, word, true))
    return Array.from(new Uint8Array(out.buffer), byte => byte.toString(16).padStart(2, '0')).join('')
  }

  // kind is what a text is taken for, in the words of package find.
  function kind (text) {
    if (text.split('@').length === 2) return 'email'
    if (digest.test(text)) return 'digest'
    if (device.test(text)) return 'device'
    if (phones(text, []).length === 0) return 'text'
    return text.startsWith('+') ? 'phone' : 'number'
  }

  // question is what is asked of the server: digests, and the place in Kafka if that is what was typed.
  async function question (text, calling) {
    const trimmed = text.trim()
    if (place.test(trimmed)) return { as: 'position', digests: [], place: trimmed }
    const digests = await Promise.all([...forms(trimmed, calling), ...keys(trimmed)].map(sha256))
    if (device.test(trimmed)) digests.push(md5(trimmed.toLowerCase()), md5(trimmed.toUpperCase()))
    if (digest.test(trimmed)) digests.push(trimmed.toLowerCase())
    return { as: kind(trimmed), digests: [...new Set(digests)], place: '' }
  }

  return { forms, keys, question, md5, available: Boolean(globalThis.crypto?.subtle) }
})()

// The venue's own mock of REST v2 and WS v2, on free ports of loopback. The answers of REST come as JSON on the first
// line of standard input; the ports are printed as JSON. It ends with its input.
'use strict'

const { once } = require('events')
const net = require('net')

// The mock listens on all addresses, and cannot be told otherwise: this keeps it on loopback.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port, ...rest) {
  if (typeof port === 'number') return listen.call(this, { port, host: '127.0.0.1' }, ...rest)
  if (port && typeof port === 'object') return listen.call(this, { ...port, host: '127.0.0.1' }, ...rest)
  return listen.call(this, port, ...rest)
}

const { MockRESTv2Server, MockWSv2Server } = require('bfx-api-mock-srv')

const lines = require('readline').createInterface({ input: process.stdin })
lines.once('line', async (line) => {
  const rest = new MockRESTv2Server({ apiPort: 0, cmdPort: 0 })
  const socket = new MockWSv2Server({ apiPort: 0, cmdPort: 0 })
  for (const [key, answer] of Object.entries(JSON.parse(line))) rest.setResponse(key, answer)
  await Promise.all([rest._apiServerHTTP, socket._wss].map((server) => once(server, 'listening')))
  const ports = { rest: rest._apiServerHTTP.address().port, socket: socket._wss.address().port }
  process.stdout.write(JSON.stringify(ports) + '\n')
})
lines.on('close', () => process.exit(0))

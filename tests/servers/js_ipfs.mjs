// An IPFS node without a network: the RPC under /api/v0 and a read-only gateway, on loopback.
// Usage: node js_ipfs.mjs NODE_MODULES API_PORT GATEWAY_PORT REPOSITORY
import fs from 'node:fs'
import { pathToFileURL } from 'node:url'

// Node.js before 22 lacks what a dependency of ipfs-core uses.
Promise.withResolvers ??= function () {
  const made = {}
  made.promise = new this((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

const [modules, apiPort, gatewayPort, repository] = process.argv.slice(2)
const load = async (name) => {
  const manifest = JSON.parse(fs.readFileSync(`${modules}/${name}/package.json`, 'utf8'))
  const entry = manifest.exports['.'].import ?? manifest.exports['.']
  return import(pathToFileURL(`${modules}/${name}/${entry}`).href)
}
const { create } = await load('ipfs-core')
const { HttpApi } = await load('ipfs-http-server')
const { HttpGateway } = await load('ipfs-http-gateway')

// A node that was killed leaves its locks.
for (const file of ['repo.lock', 'api']) {
  fs.rmSync(`${repository}/${file}`, { recursive: true, force: true })
}
const node = await create({
  repo: repository,
  offline: true,
  silent: true,
  preload: { enabled: false },
  init: { emptyRepo: true, algorithm: 'Ed25519', profiles: ['test'] },
  config: {
    Addresses: {
      Swarm: [],
      Announce: [],
      NoAnnounce: [],
      Delegates: [],
      RPC: '',
      API: `/ip4/127.0.0.1/tcp/${apiPort}`,
      Gateway: `/ip4/127.0.0.1/tcp/${gatewayPort}`
    },
    Bootstrap: [],
    Discovery: { MDNS: { Enabled: false }, webRTCStar: { Enabled: false } }
  }
})
const servers = [new HttpApi(node), new HttpGateway(node)]
for (const server of servers) await server.start()

let stopping = false
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    if (stopping) return
    stopping = true
    await Promise.all(servers.map((server) => server.stop()))
    await node.stop()
    process.exit(0)
  })
}

// Runs pouchdb-server (its path comes first) and keeps it from ending itself when a client breaks
// off an upload: its multipart parser reports that as an error nobody listens to.
'use strict'

process.on('uncaughtException', (error) => {
  if (error.message === 'Request aborted') return
  console.error(error)
  process.exit(1)
})

process.argv.splice(1, 1)
require(require('node:fs').realpathSync(process.argv[1]))

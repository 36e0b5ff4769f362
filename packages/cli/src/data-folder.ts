/**
 * The data folder of a node: its identity and its embedded database. The lock of the database is the
 * lock of the folder, so it is opened first and closed last.
 *
 *     DIR/identity.key   the private key, libp2p protobuf in base64, mode 0600
 *     DIR/store/         LevelDB: records, providers, addresses and scores of peers
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { LevelDatastore } from 'datastore-level'
import { CliError, codeOf, fileReason } from './errors.ts'

export interface DataFolder {
  path: string
  privateKey: PrivateKey
  datastore: LevelDatastore
  close(): Promise<void>
}

/** Opens the data folder, and makes it if it is not there. */
export async function openDataFolder(path: string): Promise<DataFolder> {
  const datastore = await openStore(path)
  try {
    const privateKey = await loadIdentity(join(path, 'identity.key'))
    return { path, privateKey, datastore, close: () => datastore.close() }
  } catch (error) {
    await datastore.close()
    throw error
  }
}

async function openStore(path: string): Promise<LevelDatastore> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const datastore = new LevelDatastore(join(path, 'store'))
    // The database itself and not its wrapper, which keeps the text of an error but not its code.
    await datastore.db.open({ createIfMissing: true, compression: false })
    return datastore
  } catch (error) {
    throw folderError(path, error)
  }
}

function folderError(path: string, error: unknown): CliError {
  const code = codeOf(error)
  if (code === 'LEVEL_LOCKED') {
    const advice = 'another node uses it: stop that node, or choose another folder with --data'
    return new CliError('data', `the data folder ${path} is locked: ${advice}`)
  }
  if (code === 'LEVEL_CORRUPTION') {
    const advice = `move ${join(path, 'store')} away and start again; the identity is kept`
    return new CliError('data', `the database in ${path} is damaged: ${advice}`)
  }
  const advice = 'choose a folder that you may write with --data'
  return new CliError('data', `can’t use the data folder ${path}: ${fileReason(error)}; ${advice}`)
}

async function loadIdentity(path: string): Promise<PrivateKey> {
  const text = await readIdentity(path)
  if (text === undefined) return createIdentity(path)
  try {
    return privateKeyFromProtobuf(new Uint8Array(Buffer.from(text.trim(), 'base64')))
  } catch {
    const advice = 'restore it from a copy, or remove it to get a new identity'
    throw new CliError('data', `${path} is not a private key: ${advice}`)
  }
}

async function readIdentity(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new CliError('data', `can’t read the identity: ${fileReason(error)}`)
  }
}

/** A new identity, on the disk in full before it has its name: a crash leaves a whole key or none. */
async function createIdentity(path: string): Promise<PrivateKey> {
  const privateKey = await generateKeyPair('Ed25519')
  const text = Buffer.from(privateKeyToProtobuf(privateKey)).toString('base64')
  const draft = `${path}.${process.pid}.new`
  try {
    const file = await open(draft, 'w', 0o600)
    try {
      await file.writeFile(`${text}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    throw new CliError('data', `can’t keep the identity: ${fileReason(error)}`)
  }
  return privateKey
}

/**
 * Pages in a headless Chromium that reach nothing but loopback. The browser is the one of the system
 * (`chromium` on the path, or what `KADMIUM_CHROMIUM` names); playwright-core brings none.
 */
import { accessSync, constants } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

/** Nothing but the page speaks; names of hosts lead nowhere; no update, no account, no first run. */
const ARGUMENTS = [
  '--disable-gpu',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
]

/** Where Chromium is on this machine. */
export function findChromium(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const { KADMIUM_CHROMIUM: given, PATH: path = '' } = environment
  if (given !== undefined) return given
  return path
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Pages that import one module, and all that the browser complains of. */
export class TestBrowser {
  /** What pages and their consoles reported. UNBOUNDED: responsibility of the test, which wants none. */
  readonly complaints: string[] = []
  private readonly browser: Browser
  private readonly server: Server

  private constructor(browser: Browser, server: Server) {
    this.browser = browser
    this.server = server
  }

  /** Starts Chromium with an empty profile, and a server on loopback for pages that import `module`. */
  static async start(executablePath: string, module: string): Promise<TestBrowser> {
    const server = createServer((request, response) => {
      const isModule = request.url === '/module.js'
      response.setHeader('content-type', isModule ? 'text/javascript' : 'text/html')
      // An icon of its own keeps the browser from asking for one.
      response.end(isModule ? module : '<!doctype html><link rel="icon" href="data:,">')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      // Chromium refuses to run its sandbox as root.
      const chromiumSandbox = process.getuid?.() !== 0
      const options = { executablePath, chromiumSandbox, args: ARGUMENTS, headless: true }
      return new TestBrowser(await chromium.launch(options), server)
    } catch (error) {
      server.close()
      throw error
    }
  }

  /** A page with a profile of its own. Loopback counts as a secure context, as WebCrypto wants it. */
  async open(): Promise<Page> {
    const page = await this.browser.newPage()
    page.on('console', (message) => {
      if (['error', 'warning', 'assert'].includes(message.type()))
        this.complaints.push(`${message.type()}: ${message.text()}`)
    })
    page.on('pageerror', (error) => this.complaints.push(`uncaught: ${error.stack ?? error}`))
    page.on('requestfailed', (request) => this.complaints.push(`failed: ${request.url()}`))
    await page.goto(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`)
    return page
  }

  async stop(): Promise<void> {
    await this.browser.close()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

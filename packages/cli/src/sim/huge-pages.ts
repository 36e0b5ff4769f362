/**
 * Large worlds lie on huge pages. The state of a million nodes is read at random, and with pages of 4 KiB the processor
 * looks up a page for nearly every read; what pages of two megabytes gain stands in docs/decisions/0020. glibc asks
 * the kernel for them where this tunable is set before the process begins, so the process begins once more.
 */
import process from 'node:process'

/** Below, the page tables fit in the processor's caches. */
const NODES_MIN = 50_000

const TUNABLE = 'glibc.malloc.hugetlb=1'

/** Begins the process anew on huge pages, where that pays and can be had; else does nothing. */
export function useHugePages(nodes: number): void {
  const { env, execArgv, execPath, platform, execve } = process
  if (nodes < NODES_MIN || platform !== 'linux' || env.GLIBC_TUNABLES !== undefined) return
  const [, script, ...args] = process.argv
  if (execve === undefined || script === undefined) return
  execve.call(process, execPath, [execPath, ...execArgv, script, ...args], {
    ...env,
    GLIBC_TUNABLES: TUNABLE,
  })
}

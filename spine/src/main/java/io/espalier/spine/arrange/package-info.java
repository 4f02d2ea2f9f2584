/**
 * Collections in memory that change: batches of chunks in the order of a spine, merged a little
 * with each insert.
 *
 * <p>The bookkeeping is that of the durable trace, {@link io.espalier.spine.Spine}. What differs is
 * who answers its requests: here the thread that inserts, in steps, so that no insert takes much
 * longer than another. Read {@link io.espalier.spine.arrange.Arrangement}; there is nothing else.
 *
 * <p>What may not live here: files, threads, clocks.
 */
@NullMarked
package io.espalier.spine.arrange;

import org.jspecify.annotations.NullMarked;

/** Batches in order: fuelled bookkeeping, compaction and the durable trace. */
@NullMarked
package io.espalier.spine;

import org.jspecify.annotations.NullMarked;

/**
 * What of a spine is durable: the store's directory, its manifest, its batch files, and the trace.
 *
 * <p>A store is a folder. One small file, {@code STORE}, says which store it is and which manifest
 * counts; it is only ever replaced as a whole. The manifest is a log of checksummed records: a
 * snapshot of the store's state, then every change since. Data lies in batch files, which are
 * written once, synced, and only then named by a record of the manifest: the one commit point of
 * all traces of the store. What no record names does not exist, and is swept away at the next
 * opening.
 *
 * <p>Three rules carry everything that is promised about crashes:
 *
 * <ol>
 *   <li><em>Nothing is referenced before it is synced.</em> Batch file, then record; manifest, then
 *       {@code STORE}.
 *   <li><em>A file is written by one opening only.</em> Every opening starts a manifest of its own,
 *       so a torn tail is never written over and a writer that has lost its lock writes where
 *       nobody reads.
 *   <li><em>A sync that failed ends the store</em> in this process. It is never tried again.
 * </ol>
 *
 * <p>Above that: {@link io.espalier.spine.trace.TraceStore}, which commits and compacts, {@link
 * io.espalier.spine.trace.Trace} and {@link io.espalier.spine.trace.TraceSnapshot}, through which
 * it is read, {@code BatchFile} and {@code Compactor}. They hold what they read: a file is deleted
 * when no record names it and nobody reads it, and by nobody but the writer that the store says is
 * the latest. {@link io.espalier.spine.trace.ReadHold} keeps epochs apart that commits would let go
 * of, {@link io.espalier.spine.trace.TraceListener} follows what is committed, and {@link
 * io.espalier.spine.trace.TraceChanges} brings the updates of parts into the order of their epochs.
 *
 * <p>Read {@link io.espalier.spine.trace.StoreDirectory} first, which opens, commits, rolls over
 * and closes; then {@link io.espalier.spine.trace.ManifestState}, what it asks of the state that it
 * keeps; {@code ManifestLog}, {@code StoreFile}, {@code ManifestFormat}, {@code ManifestScan}
 * (where a torn tail is told from damage) and {@code ManifestWriter} for the bytes, which {@code
 * docs/format.md} draws; {@link io.espalier.spine.trace.StoreException} for what can go wrong.
 *
 * <p>Compaction is beside the store: {@code CompactionSource} is all that it asks of it, {@code
 * CompactionPlan} cuts a request into pieces that fit into memory, {@code PieceCompaction} does one
 * of them, a range of keys at a time ({@code KeyRanges} says what overlaps, {@code CompactionSteps}
 * what is done together, {@code Alignment} what is in the way), {@code CompactionJob} merges,
 * {@code RunWriter} writes a run in files one behind the other, which {@code BatchFileChain} reads
 * as one, {@code Compactor} does all that on a thread of the store, {@code Settling} says when a
 * store that nobody writes to has few enough runs; {@link
 * io.espalier.spine.trace.ExternalCompaction} hands {@link
 * io.espalier.spine.trace.CompactionRequest}s out to {@link
 * io.espalier.spine.trace.CompactionWorker}s anywhere.
 *
 * <p>No type here opens a file except through {@link io.espalier.spine.disk.Disk}.
 */
@NullMarked
package io.espalier.spine.trace;

import org.jspecify.annotations.NullMarked;

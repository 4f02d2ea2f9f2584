/**
 * Batches in order: the bookkeeping of a trace.
 *
 * <p>A collection that changes is a sequence of batches, each with the updates of some span of
 * time. Left alone they pile up: reads look into every one, and what cancelled out stays. So
 * batches are merged, and the question is which, when, and who waits for it. Here nobody waits. A
 * {@link io.espalier.spine.Spine} only keeps accounts: it climbs the levels of an LSM tree as if
 * merges were done, a little with each push, and when the account of a merge is settled it asks for
 * the real one. The real merge may take place on another thread or in another process, late, in
 * part or never; its result is swapped in where the inputs stood.
 *
 * <p>What may not live here: I/O, clocks, threads, randomness, and any look at what a part
 * contains. Times, ids and clock readings are handed in, so that the same calls always give the
 * same spine. In-memory arrangements and the durable trace share it; they differ in who answers the
 * requests.
 *
 * <p>Read in this order:
 *
 * <ol>
 *   <li>{@link io.espalier.spine.Frontier}, {@link io.espalier.spine.Description}: times, and which
 *       of them a batch covers;
 *   <li>{@link io.espalier.spine.PartRef}, {@link io.espalier.spine.Run}, {@link
 *       io.espalier.spine.HollowBatch}: what is stored, without the bytes;
 *   <li>{@link io.espalier.spine.SpineId}: a batch's place in the order of arrival;
 *   <li>{@link io.espalier.spine.Spine}: push, exert, snapshot; {@link
 *       io.espalier.spine.MergeRequest} comes out;
 *   <li>{@link io.espalier.spine.MergeResult}, {@link io.espalier.spine.Replaced}, {@link
 *       io.espalier.spine.ApplyResult}: what goes back in, and what becomes of it;
 *   <li>{@link io.espalier.spine.FlatSpine}: the spine as facts to be stored, and the way back,
 *       which believes nothing; {@link io.espalier.spine.SpineChange}: what a log keeps of each
 *       step;
 *   <li>{@link io.espalier.spine.SpineText}, {@link io.espalier.spine.SpineScript}: for people and
 *       golden tests.
 * </ol>
 *
 * <p>Inside, {@code Levels} is the machine (its comment says why fuel suffices), {@code
 * Replacement} decides about results, {@code SpineCheck} lists what always holds, and {@code
 * RunSet} is why copying a spine costs nothing. The tests have the rules a second time, in {@code
 * SpineReference}.
 */
@NullMarked
package io.espalier.spine;

import org.jspecify.annotations.NullMarked;

/**
 * Commands in, differences out: the feedback upsert operator.
 *
 * <p>A source says what keys are to have: "from now on {@code k} has {@code v}", "{@code k} has
 * nothing". Everything downstream wants differences: "{@code (k, v)} is gone, {@code (k, w)} is
 * there". To make the one of the other, one has to know what a key had before. {@link
 * io.espalier.upsert.UpsertOperator} keeps no copy of that: it reads it back from the trace that
 * its own differences went to, the feedback, for all touched keys of an epoch at once. So there is
 * one truth, on disk, and nothing to load after a restart.
 *
 * <pre>
 *   commands --&gt; stash --seal--&gt; sorted commands --&gt; decide --&gt; differences --&gt; trace
 *                                                      ^                          |
 *                                                      +---- old values ----------+
 * </pre>
 *
 * <p>What stays bounded: the stash consolidates to one command for each key and time and is paged;
 * old values are looked up for at most 1024 keys at a time, fewer if the trace's rows are large.
 *
 * <p>As built it serves one writer: whoever drains is the one who appends. Several writers on one
 * trace, the wait for the feedback to catch up after a restart, and errors as values of keys are
 * not here yet; the frontiers of {@code drain} are made for them. What bytes mean is the floor
 * below; when an epoch ends and what a table is, the floor above.
 *
 * <p>Read {@link io.espalier.upsert.UpsertOperator}, then {@link io.espalier.upsert.DrainStats}.
 */
@NullMarked
package io.espalier.upsert;

import org.jspecify.annotations.NullMarked;

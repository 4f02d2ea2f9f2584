/**
 * Measurements of all floors, beside a plain copy of the same bytes. Nothing depends on this.
 *
 * <p>Read {@link io.espalier.jmh.Shape}: the data; {@code Workload} and {@code Workloads}: what is
 * done with it; {@code Floor}: what it is compared with. Two ways lead to them: {@link
 * io.espalier.jmh.BenchMain} prints one table within minutes, and the subclasses of {@link
 * io.espalier.jmh.WorkloadBenchmark}, one for each question, run under JMH, for the record and with
 * its profilers.
 *
 * <p>Other stores stand beside ours in {@code PeersBench}: a {@code Peer} each, over one {@code
 * PeerData}. Their libraries are dependencies of this floor alone.
 */
@NullMarked
package io.espalier.jmh;

import org.jspecify.annotations.NullMarked;

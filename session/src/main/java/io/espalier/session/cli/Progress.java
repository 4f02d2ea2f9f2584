package io.espalier.session.cli;

import io.espalier.session.StoreStats.MemoryStats;
import java.util.Locale;
import java.util.function.Supplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * A progress bar on standard error, where a person watches; otherwise nothing. It shows how many
 * bytes are done, the rate, and what is resident and spilled. To be told often: it looks at the
 * clock itself.
 */
final class Progress implements AutoCloseable {

    /** Of the size that is not known before the end. */
    static final long UNKNOWN = -1;

    /** Fits every terminal: a wider line would wrap and scroll instead of redrawing. */
    private static final int WIDTH_CHARS = 79;

    private static final int REDRAW_MILLIS = 200;
    private static final long REDRAW_NANOS = REDRAW_MILLIS * 1_000_000L;
    private static final double NANOS_PER_SECOND = 1e9;

    private @Nullable ProgressBar bar;
    private final String unit;
    private final Supplier<MemoryStats> memory;
    private final long startNanos = System.nanoTime();
    private long shownNanos = startNanos;

    /**
     * @param shell whose standard error it is
     * @param task one word for what is done
     * @param unit what {@code count} counts, in the plural
     * @param bytesMax how many bytes there are to do, or {@link #UNKNOWN}
     * @param memory asked a few times a second, on the thread that calls {@link #show}
     */
    Progress(Shell shell, String task, String unit, long bytesMax, Supplier<MemoryStats> memory) {
        this.unit = unit;
        this.memory = memory;
        this.bar =
                shell.errIsTerminal()
                        ? new ProgressBarBuilder()
                                .setTaskName(task)
                                .setInitialMax(bytesMax)
                                .setUnit(" MiB", 1L << 20)
                                .setStyle(ProgressBarStyle.ASCII)
                                .setUpdateIntervalMillis(REDRAW_MILLIS)
                                .hideEta()
                                .setMaxRenderedLength(WIDTH_CHARS)
                                .clearDisplayOnFinish()
                                .setConsumer(
                                        new ConsoleProgressBarConsumer(shell.err(), WIDTH_CHARS))
                                .build()
                        : null;
    }

    /** Says how far it is: {@code count} things, {@code bytes} bytes. */
    void show(long count, long bytes) {
        if (bar == null) {
            return;
        }
        long now = System.nanoTime();
        if (now - shownNanos < REDRAW_NANOS) {
            return;
        }
        shownNanos = now;
        MemoryStats stats = memory.get();
        bar.setExtraMessage(
                String.format(
                        Locale.ROOT,
                        "%.0fk %s/s, %s resident, %s spilled",
                        rate(count, now - startNanos) / 1000,
                        unit,
                        ByteSizes.rounded(stats.residentBytes()),
                        ByteSizes.rounded(stats.spilledBytes())));
        bar.stepTo(bytes);
    }

    /** How long it has been going on, in nanoseconds. */
    long elapsedNanos() {
        return System.nanoTime() - startNanos;
    }

    /** How many per second. */
    static double rate(long count, long nanos) {
        return count / (Math.max(nanos, 1) / NANOS_PER_SECOND);
    }

    /** Takes the bar away, so that lines can be printed. Twice is fine. */
    void finish() {
        if (bar != null) {
            bar.close();
            bar = null; // closed again, it would draw itself again
        }
    }

    @Override
    public void close() {
        finish();
    }
}

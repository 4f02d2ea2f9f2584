package io.espalier.session.cli;

import io.espalier.session.Store;
import io.espalier.session.StoreException;
import io.espalier.session.Table;
import io.espalier.session.text.BadLineException;
import io.espalier.session.text.RowReader;
import java.io.IOException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Applies rows to a table, epoch by epoch, and keeps account. An epoch is applied whole or, if a
 * line of it is bad or the store fails, not at all.
 */
final class UpsertRun {

    private static final int PROGRESS_ROWS = 1024; // a power of two: how often the clock is read
    private static final double NANOS_PER_SECOND = 1e9;

    /**
     * Where rows come from.
     *
     * @param reader which rows
     * @param name what to call it in messages
     */
    record Input(RowReader reader, String name) {}

    private final Input input;
    private final Store store;
    private final Table table;
    private final long epochRows;
    private final @Nullable SkipFile skipFile;
    private final @Nullable Shell reports;
    private final Progress progress;

    private long puts;
    private long deletes;
    private long linesEndingInCr;
    private long epochCount;
    private long durableEpoch;
    private long durableLine;
    private long stagedRows;

    /**
     * @param epochRows how many rows make an epoch
     * @param skipFile where bad lines go, or null to stop at one
     * @param reports where durable epochs are reported, or null
     */
    UpsertRun(
            Input input,
            Store store,
            Table table,
            long epochRows,
            @Nullable SkipFile skipFile,
            @Nullable Shell reports,
            Progress progress) {
        this.input = input;
        this.store = store;
        this.table = table;
        this.epochRows = epochRows;
        this.skipFile = skipFile;
        this.reports = reports;
        this.progress = progress;
        this.durableEpoch = store.epoch();
    }

    /** Applies everything. Whatever it throws, nothing uncommitted stays staged. */
    void run() throws IOException {
        boolean whole = false;
        try {
            applyAll();
            whole = true;
        } catch (StoreException e) {
            throw new CommandException(Failures.exitCode(e), e.getMessage() + "; " + howFar(), e);
        } finally {
            if (!whole) {
                abandon();
            }
            if (skipFile != null) {
                skipFile.close();
            }
        }
    }

    private void abandon() {
        try {
            store.rollback();
        } catch (StoreException e) {
            // what led here says more; closing the store drops what is staged anyway
        }
    }

    private void applyAll() throws IOException {
        RowReader reader = input.reader();
        while (next(reader)) {
            if (reader.isDelete()) {
                table.delete(reader.keyArray(), reader.keyOffset(), reader.keySize());
                deletes++;
                linesEndingInCr +=
                        endsInCr(reader.keyArray(), reader.keyOffset(), reader.keySize());
            } else {
                table.put(
                        reader.keyArray(),
                        reader.keyOffset(),
                        reader.keySize(),
                        reader.valueArray(),
                        reader.valueOffset(),
                        reader.valueSize());
                puts++;
                linesEndingInCr +=
                        endsInCr(reader.valueArray(), reader.valueOffset(), reader.valueSize());
            }
            stagedRows++;
            if (stagedRows >= epochRows) {
                commit();
            }
            if ((puts + deletes) % PROGRESS_ROWS == 0) {
                progress.show(puts + deletes, reader.consumedBytes());
            }
        }
        if (stagedRows > 0) {
            commit();
        }
        durableLine = reader.line();
    }

    /** Moves to the next good row; false at the end. */
    private boolean next(RowReader reader) {
        while (true) {
            try {
                return reader.next();
            } catch (BadLineException e) {
                if (skipFile == null) {
                    throw Arguments.wrong(
                            where(input.name(), e)
                                    + e.reason()
                                    + "; "
                                    + howFar()
                                    + "; mend the line, or use --skip-bad FILE");
                }
                skipFile.add(input.name(), e, reader);
            } catch (IOException e) {
                CommandException failure = InputFiles.unreadable(input.name(), e);
                throw new CommandException(
                        failure.exitCode(), failure.getMessage() + "; " + howFar(), e);
            }
        }
    }

    private void commit() throws IOException {
        if (skipFile != null) {
            skipFile.flush();
        }
        durableEpoch = store.commit();
        durableLine = input.reader().line();
        epochCount++;
        stagedRows = 0;
        if (reports != null) {
            report(reports);
        }
    }

    /** A reader of reports that goes away is no reason to end quietly: input would be left out. */
    private void report(Shell shell) throws IOException {
        try {
            shell.print("durable " + durableEpoch + " " + durableLine + "\n");
        } catch (OutputException e) {
            throw new CommandException(
                    ExitCode.ENVIRONMENT,
                    "standard output cannot be written: " + Failures.reason(e) + "; " + howFar(),
                    e);
        }
    }

    private static int endsInCr(byte[] array, int offset, int size) {
        return size > 0 && array[offset + size - 1] == '\r' ? 1 : 0;
    }

    /** Whether the input looks as if its lines ended with CR LF. */
    boolean everyLineEndedInCr() {
        return puts + deletes > 0 && linesEndingInCr == puts + deletes;
    }

    /** The place of a bad line, as compilers write it. */
    static String where(String inputName, BadLineException e) {
        return inputName + ":" + e.line() + ":" + e.column() + ": ";
    }

    /** What of the input is applied, when it ends before its time. */
    private String howFar() {
        return epochCount == 0
                ? "nothing of this input is applied"
                : "lines 1 to "
                        + durableLine
                        + " are durable (epoch "
                        + durableEpoch
                        + "), nothing after them is applied";
    }

    /** One line about all that was done. */
    String summary() {
        long nanos = progress.elapsedNanos();
        long lines = input.reader().line();
        return String.format(
                Locale.ROOT,
                "%d lines: %d puts, %d deletes, %d skipped; %d epochs, durable up to epoch %d;"
                        + " %s in %.2f s, %.0f lines/s",
                lines,
                puts,
                deletes,
                skipFile == null ? 0 : skipFile.count(),
                epochCount,
                durableEpoch,
                ByteSizes.rounded(input.reader().consumedBytes()),
                nanos / NANOS_PER_SECOND,
                Progress.rate(lines, nanos));
    }
}

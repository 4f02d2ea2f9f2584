package io.espalier.session;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * What is inside a store: an immutable snapshot. Names carry their units; the names of the
 * components and of the values of sections are stable, since {@code espalier stats --json} prints
 * them.
 *
 * @param directory where the store is
 * @param formatVersion the version of its files
 * @param epoch the last committed epoch
 * @param tables the tables, by name
 * @param memory the native memory that this process holds for the store
 * @param sections further counters, such as those of spilling, in the order to show them in
 */
public record StoreStats(
        Path directory,
        int formatVersion,
        long epoch,
        List<TableStats> tables,
        MemoryStats memory,
        List<Section> sections) {

    public StoreStats {
        tables = List.copyOf(tables);
        sections = List.copyOf(sections);
    }

    /**
     * One table.
     *
     * @param name its name
     * @param updates how many updates its parts hold, retractions included
     * @param bytes how many bytes its parts have on disk
     * @param since the first epoch that can be read
     * @param upper the first epoch that is not yet committed
     * @param parts its durable parts, from the oldest to the newest
     * @param batches the batches of its spine, which the parts lie in, from the oldest to the
     *     newest
     * @param holds how many readers keep epochs of it apart: listeners, and holds of the trace
     * @param heldFrom the first epoch that one of them keeps, so that it cannot be folded; -1 if
     *     none does
     */
    public record TableStats(
            String name,
            long updates,
            long bytes,
            long since,
            long upper,
            List<PartStats> parts,
            List<BatchStats> batches,
            long holds,
            long heldFrom) {

        public TableStats {
            parts = List.copyOf(parts);
            batches = List.copyOf(batches);
        }
    }

    /**
     * One batch of a spine: neighbouring parts that count as one, and are compacted together.
     *
     * @param text as {@code espalier debug spine} shows it: {@code [id][lower][upper][since]
     *     parts/updates names}
     * @param level its level; 0 holds the smallest
     * @param parts how many parts it lists, those without updates too
     * @param updates how many updates they hold
     * @param workLeft how many updates have still to be committed or worked ahead until it becomes
     *     one with the other batch of its level; -1 if it is alone there
     * @param claimedAtMillis when its compaction was claimed, by the clock of the system; -1 if
     *     nobody compacts it
     */
    public record BatchStats(
            String text,
            int level,
            long parts,
            long updates,
            long workLeft,
            long claimedAtMillis) {}

    /**
     * One durable part of a table: a run of epochs.
     *
     * @param file the name of its file within the store
     * @param level its level in the spine; 0 holds the smallest
     * @param bytes its size on disk
     * @param updates how many updates it holds
     * @param chunks how many chunk images they are in
     * @param lower the first epoch it covers
     * @param upper the first epoch after it
     */
    public record PartStats(
            String file,
            int level,
            long bytes,
            long updates,
            long chunks,
            long lower,
            long upper) {}

    /**
     * Native memory.
     *
     * @param budgetBytes what may be resident
     * @param residentBytes what is resident
     * @param mappedBytes what is mapped from files
     * @param debtBytes by how much the budget is overdrawn; 0 if it is not
     * @param spilledBytes what is paged out to spill files
     */
    public record MemoryStats(
            long budgetBytes,
            long residentBytes,
            long mappedBytes,
            long debtBytes,
            long spilledBytes) {}

    /**
     * A named group of counters and gauges.
     *
     * @param name its name, in camel case
     * @param values each a {@link Long}, {@link Double} or {@link String}; a name that ends in
     *     {@code Bytes} or {@code Nanos} is shown in that unit
     */
    public record Section(String name, SequencedMap<String, Object> values) {

        public Section {
            SequencedMap<String, Object> copy = new LinkedHashMap<>();
            for (Map.Entry<String, Object> entry : values.entrySet()) {
                Object value = entry.getValue();
                if (!(value instanceof Long
                        || value instanceof Double
                        || value instanceof String)) {
                    throw new IllegalArgumentException(
                            "section "
                                    + name
                                    + ": "
                                    + entry.getKey()
                                    + " is a "
                                    + value.getClass().getName()
                                    + ", only Long, Double and String are possible");
                }
                copy.put(entry.getKey(), value);
            }
            values = Collections.unmodifiableSequencedMap(copy);
        }

        /** A section without values, to be filled by {@link #with}. */
        public static Section named(String name) {
            return new Section(name, new LinkedHashMap<>());
        }

        /** The same section with one value more, at its end. */
        public Section with(String key, Object value) {
            SequencedMap<String, Object> more = new LinkedHashMap<>(values);
            more.put(key, value);
            return new Section(name, more);
        }
    }
}

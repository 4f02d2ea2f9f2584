package io.espalier.session.cli;

import io.espalier.session.StoreStats;
import io.espalier.session.StoreStats.BatchStats;
import io.espalier.session.StoreStats.MemoryStats;
import io.espalier.session.StoreStats.PartStats;
import io.espalier.session.StoreStats.Section;
import io.espalier.session.StoreStats.TableStats;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Shows a {@link StoreStats}: as text for people, as JSON with stable names for scripts. */
final class StatsReport {

    private static final double NANOS_PER_MILLI = 1e6;
    private static final int SPINE_CHARS_MAX = 120;

    private StatsReport() {}

    static String text(StoreStats stats) {
        StringBuilder text = new StringBuilder();
        text.append(
                new TextTable("")
                        .row("store", stats.directory())
                        .row("format version", stats.formatVersion())
                        .row("epoch", stats.epoch()));
        for (TableStats table : stats.tables()) {
            text.append('\n').append(table(table));
        }
        MemoryStats memory = stats.memory();
        text.append("\nmemory\n")
                .append(
                        new TextTable("  ")
                                .row("budget", ByteSizes.exact(memory.budgetBytes()))
                                .row("resident", ByteSizes.rounded(memory.residentBytes()))
                                .row("mapped", ByteSizes.rounded(memory.mappedBytes()))
                                .row("debt", ByteSizes.rounded(memory.debtBytes()))
                                .row("spilled", ByteSizes.rounded(memory.spilledBytes())));
        for (Section section : stats.sections()) {
            text.append('\n').append(section(section));
        }
        return text.toString();
    }

    /** A table and its parts as text. */
    static String table(TableStats table) {
        StringBuilder text = new StringBuilder();
        text.append("table ")
                .append(table.name())
                .append(": ")
                .append(table.updates())
                .append(" updates, ")
                .append(ByteSizes.rounded(table.bytes()))
                .append(", readable as of epochs ")
                .append(table.since())
                .append(" to ")
                .append(table.upper() - 1);
        if (table.holds() > 0) {
            text.append(", ")
                    .append(table.holds())
                    .append(table.holds() == 1 ? " reader holds" : " readers hold")
                    .append(" epochs from ")
                    .append(table.heldFrom())
                    .append(" on");
        }
        text.append('\n');
        if (!table.parts().isEmpty()) {
            TextTable parts =
                    new TextTable("  ")
                            .heading("level", "epochs", "updates", "chunks", "size", "file");
            for (PartStats part : table.parts()) {
                parts.row(
                        part.level(),
                        part.lower() + ".." + (part.upper() - 1),
                        part.updates(),
                        part.chunks(),
                        ByteSizes.rounded(part.bytes()),
                        part.file());
            }
            text.append(parts);
        }
        if (!table.batches().isEmpty()) {
            TextTable batches =
                    new TextTable("  ").heading("level", "work left", "claimed", "spine");
            for (BatchStats batch : table.batches()) {
                batches.row(
                        batch.level(),
                        batch.workLeft() < 0 ? "" : batch.workLeft(),
                        batch.claimedAtMillis() < 0
                                ? ""
                                : Instant.ofEpochMilli(batch.claimedAtMillis()),
                        shortened(batch.text()));
            }
            text.append(batches);
        }
        return text.toString();
    }

    /** A batch's text without the names that would make the line too long. */
    private static String shortened(String text) {
        if (text.length() <= SPINE_CHARS_MAX) {
            return text;
        }
        int end = text.lastIndexOf(' ', SPINE_CHARS_MAX);
        long left = text.substring(end).chars().filter(c -> c == ' ').count();
        return text.substring(0, end) + " and " + left + " more";
    }

    /** A section as text: sizes and times in units that people read. */
    static String section(Section section) {
        TextTable values = new TextTable("  ");
        section.values().forEach((name, value) -> values.row(name, readable(name, value)));
        return section.name() + "\n" + values;
    }

    private static String readable(String name, Object value) {
        if (value instanceof Long number && name.endsWith("Bytes")) {
            return ByteSizes.rounded(number);
        }
        if (value instanceof Long number && name.endsWith("Nanos")) {
            return String.format(Locale.ROOT, "%.3f ms", number / NANOS_PER_MILLI);
        }
        if (value instanceof Double number) {
            return String.format(Locale.ROOT, "%.3f", number);
        }
        return value.toString();
    }

    static Map<String, Object> json(StoreStats stats) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("store", stats.directory().toString());
        json.put("formatVersion", stats.formatVersion());
        json.put("epoch", stats.epoch());
        List<Object> tables = new ArrayList<>();
        for (TableStats table : stats.tables()) {
            tables.add(json(table));
        }
        json.put("tables", tables);
        Map<String, Object> memory = new LinkedHashMap<>();
        memory.put("budgetBytes", stats.memory().budgetBytes());
        memory.put("residentBytes", stats.memory().residentBytes());
        memory.put("mappedBytes", stats.memory().mappedBytes());
        memory.put("debtBytes", stats.memory().debtBytes());
        memory.put("spilledBytes", stats.memory().spilledBytes());
        json.put("memory", memory);
        Map<String, Object> sections = new LinkedHashMap<>();
        for (Section section : stats.sections()) {
            sections.put(section.name(), section.values());
        }
        json.put("sections", sections);
        return json;
    }

    private static Map<String, Object> json(TableStats table) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", table.name());
        json.put("updates", table.updates());
        json.put("bytes", table.bytes());
        json.put("since", table.since());
        json.put("upper", table.upper());
        json.put("holds", table.holds());
        json.put("heldFrom", table.heldFrom());
        List<Object> parts = new ArrayList<>();
        for (PartStats part : table.parts()) {
            Map<String, Object> of = new LinkedHashMap<>();
            of.put("file", part.file());
            of.put("level", part.level());
            of.put("bytes", part.bytes());
            of.put("updates", part.updates());
            of.put("chunks", part.chunks());
            of.put("lower", part.lower());
            of.put("upper", part.upper());
            parts.add(of);
        }
        json.put("parts", parts);
        List<Object> batches = new ArrayList<>();
        for (BatchStats batch : table.batches()) {
            Map<String, Object> of = new LinkedHashMap<>();
            of.put("text", batch.text());
            of.put("level", batch.level());
            of.put("parts", batch.parts());
            of.put("updates", batch.updates());
            of.put("workLeft", batch.workLeft());
            of.put("claimedAtMillis", batch.claimedAtMillis());
            batches.add(of);
        }
        json.put("batches", batches);
        return json;
    }
}

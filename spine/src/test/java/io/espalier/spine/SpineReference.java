package io.espalier.spine;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The rules of the spine once more, as plainly as they can be written, from their description and
 * not from the code: for small numbers only, and without any care for speed. Each part that holds
 * updates is one run.
 */
final class SpineReference {

    /** A part; the name is empty if it holds nothing. */
    record Part(
            long first, long end, long lower, long upper, long since, String name, long length) {}

    record Batch(long first, long end, long lower, long upper, long since, List<Part> parts) {
        long length() {
            return parts.stream().mapToLong(Part::length).sum();
        }

        long runCount() {
            return parts.stream().filter(part -> part.length > 0).count();
        }

        String text() {
            StringBuilder text = new StringBuilder();
            text.append("[%d-%d][%d][%d][%d]".formatted(first, end, lower, upper, since));
            for (Part part : parts) {
                text.append(
                        " %d-%d[%d][%d][%d]%s/%d"
                                .formatted(
                                        part.first,
                                        part.end,
                                        part.lower,
                                        part.upper,
                                        part.since,
                                        part.name,
                                        part.length));
            }
            return text.toString();
        }
    }

    /** One level; work is -1 if it does not merge. */
    private static final class Tier {
        private final List<Batch> batches = new ArrayList<>();
        private long work = -1;
        private long mergeSince;
    }

    private record Request(Batch batch) {
        boolean covers(Request other) {
            return batch.first <= other.batch.first
                    && other.batch.end <= batch.end
                    && batch.since == other.batch.since;
        }
    }

    private final List<Tier> tiers = new ArrayList<>();
    private final List<Request> requests = new ArrayList<>();
    private long nextId;
    private long since;
    private long upper;

    SpineReference copy() {
        SpineReference copy = new SpineReference();
        for (Tier tier : tiers) {
            Tier other = new Tier();
            other.batches.addAll(tier.batches);
            other.work = tier.work;
            other.mergeSince = tier.mergeSince;
            copy.tiers.add(other);
        }
        copy.nextId = nextId;
        copy.since = since;
        copy.upper = upper;
        return copy;
    }

    static int tierFor(long length) {
        int tier = 0;
        while (1L << tier < length) {
            tier++;
        }
        return tier;
    }

    /** Everything that counts, as text: batches from the oldest on, with their tiers and merges. */
    List<String> text() {
        List<String> lines = new ArrayList<>();
        lines.add("since " + since + " upper " + upper + " next " + nextId);
        for (int i = tiers.size() - 1; i >= 0; i--) {
            Tier tier = tiers.get(i);
            for (Batch batch : tier.batches) {
                lines.add(i + " " + batch.text());
            }
            if (tier.work >= 0) {
                lines.add("merging to " + tier.mergeSince + ", " + tier.work + " left");
            }
        }
        return lines;
    }

    /** What came out since the last call, without what another one says anyway. */
    List<String> takeRequests() {
        List<Request> kept = new ArrayList<>();
        for (int i = requests.size() - 1; i >= 0; i--) {
            Request request = requests.get(i);
            if (kept.stream().noneMatch(other -> other.covers(request))) {
                kept.removeIf(request::covers);
                kept.add(request);
            }
        }
        requests.clear();
        return kept.stream().map(request -> request.batch().text()).toList();
    }

    void push(long length, String name) {
        Part part = new Part(nextId, nextId + 1, upper, upper + 1, 0, name, length);
        Batch batch = new Batch(nextId, nextId + 1, upper, upper + 1, 0, List.of(part));
        nextId++;
        upper++;
        if (length == 0) {
            int lowest = 0;
            while (lowest < tiers.size() && tiers.get(lowest).batches.isEmpty()) {
                lowest++;
            }
            if (lowest < tiers.size()) {
                List<Batch> there = tiers.get(lowest).batches;
                if (there.size() == 1 && there.getFirst().length() == 0) {
                    insert(batch, lowest);
                    insert(completed(lowest), lowest);
                    return;
                }
            }
        }
        introduce(batch, tierFor(length));
    }

    void advanceSince(long newSince) {
        since = newSince;
    }

    boolean exert(long effort) {
        tidy();
        long runCount = 0;
        boolean merging = false;
        for (Tier tier : tiers) {
            runCount += tier.batches.stream().mapToLong(Batch::runCount).sum();
            merging |= tier.work >= 0;
        }
        if (runCount < 2) {
            return false;
        }
        if (merging) {
            fuel(effort);
        } else {
            introduceNothing(effort);
        }
        return true;
    }

    boolean sweep(long length) {
        tidy();
        long runCount = 0;
        for (Tier tier : tiers) {
            runCount += tier.batches.stream().mapToLong(Batch::runCount).sum();
        }
        if (runCount < 2) {
            return false;
        }
        introduceNothing(length);
        return true;
    }

    private void introduceNothing(long length) {
        Part part = new Part(nextId, nextId + 1, upper, upper, since, "", 0);
        Batch batch = new Batch(nextId, nextId + 1, upper, upper, since, List.of(part));
        nextId++;
        introduce(batch, tierFor(length));
    }

    /** Replaces the first {@code count} parts of the oldest batch that has so many; or nothing. */
    boolean answer(int count, long length, String name) {
        for (int i = tiers.size() - 1; i >= 0; i--) {
            List<Batch> batches = tiers.get(i).batches;
            for (int j = 0; j < batches.size(); j++) {
                Batch batch = batches.get(j);
                if (batch.parts.size() >= Math.max(2, count)) {
                    batches.set(
                            j,
                            replaced(batch, count == 0 ? batch.parts.size() : count, length, name));
                    return true;
                }
            }
        }
        return false;
    }

    private static Batch replaced(Batch batch, int count, long length, String name) {
        List<Part> parts = new ArrayList<>(batch.parts);
        List<Part> taken = parts.subList(0, count);
        boolean whole = count == batch.parts.size();
        long newSince =
                whole ? batch.since : taken.stream().mapToLong(Part::since).max().orElseThrow();
        Part part =
                new Part(
                        taken.getFirst().first,
                        taken.getLast().end,
                        taken.getFirst().lower,
                        taken.getLast().upper,
                        newSince,
                        length == 0 ? "" : name,
                        length);
        taken.clear();
        parts.addFirst(part);
        return new Batch(batch.first, batch.end, batch.lower, batch.upper, batch.since, parts);
    }

    private void introduce(Batch batch, int tier) {
        fuel(8L << tier);
        rollUp(tier);
        insert(batch, tier);
        tidy();
    }

    private void fuel(long fuel) {
        int count = tiers.size();
        for (int i = 0; i < count; i++) {
            Tier tier = tiers.get(i);
            if (tier.work >= 0) {
                tier.work -= Math.min(fuel, tier.work);
                if (tier.work == 0) {
                    insert(completed(i), i + 1);
                }
            }
        }
    }

    private void rollUp(int tier) {
        ensure(tier);
        boolean any = false;
        for (int i = 0; i < tier; i++) {
            any |= !tiers.get(i).batches.isEmpty();
        }
        if (!any) {
            return;
        }
        Batch carry = null;
        for (int i = 0; i < tier; i++) {
            if (carry != null) {
                insert(carry, i);
            }
            carry = complete(i);
        }
        insert(Objects.requireNonNull(carry), tier);
        if (tiers.get(tier).batches.size() == 2) {
            insert(completed(tier), tier + 1);
        }
    }

    private void tidy() {
        int top = tiers.size() - 1;
        if (top < 0 || tiers.get(top).batches.size() != 1) {
            return;
        }
        int want = tierFor(tiers.get(top).batches.getFirst().length());
        while (want < top) {
            Tier below = tiers.get(top - 1);
            if (below.batches.isEmpty()) {
                tiers.remove(top - 1);
                top--;
                continue;
            }
            long weight = 0;
            for (int i = 0; i < top - 1; i++) {
                weight += (long) tiers.get(i).batches.size() << i;
            }
            if (below.batches.size() == 1 && weight <= (1L << tiers.size()) / 8) {
                Batch single = below.batches.getFirst();
                tiers.remove(top - 1);
                insert(single, top - 1);
            }
            return;
        }
    }

    private void ensure(int tier) {
        while (tiers.size() <= tier) {
            tiers.add(new Tier());
        }
    }

    private void insert(Batch batch, int index) {
        ensure(index);
        Tier tier = tiers.get(index);
        if (tier.work >= 0) {
            throw new IllegalStateException("a merge is not done at " + index);
        }
        tier.batches.add(batch);
        if (tier.batches.size() == 2) {
            tier.work = 0;
            tier.mergeSince = since;
            for (Batch each : tier.batches) {
                tier.work += each.length();
                tier.mergeSince = Math.max(tier.mergeSince, each.since);
            }
        }
    }

    private Batch completed(int index) {
        return Objects.requireNonNull(complete(index));
    }

    private @Nullable Batch complete(int index) {
        Tier tier = tiers.get(index);
        if (tier.batches.isEmpty()) {
            return null;
        }
        Batch first = tier.batches.getFirst();
        Batch last = tier.batches.getLast();
        Batch outcome = first;
        if (tier.batches.size() == 2) {
            List<Part> parts = new ArrayList<>(first.parts);
            parts.addAll(last.parts);
            if (first.length() + last.length() == 0) {
                parts =
                        List.of(
                                new Part(
                                        first.first,
                                        last.end,
                                        first.lower,
                                        last.upper,
                                        tier.mergeSince,
                                        "",
                                        0));
            }
            outcome =
                    new Batch(
                            first.first, last.end, first.lower, last.upper, tier.mergeSince, parts);
            if (outcome.length() > 0) {
                requests.add(new Request(outcome));
            }
        }
        tier.batches.clear();
        tier.work = -1;
        return outcome;
    }
}

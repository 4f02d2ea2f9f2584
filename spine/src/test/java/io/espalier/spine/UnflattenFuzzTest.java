package io.espalier.spine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.espalier.spine.FlatSpine.FlatBatch;
import io.espalier.spine.FlatSpine.FlatMerge;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.function.Function;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Facts that nobody vouches for: they are refused, or make a spine that works. */
class UnflattenFuzzTest {
    @Property(tries = 2000)
    void changedFactsAreRefusedOrMakeASpineThatWorks(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 3) int changeCount) {
        // Fails when a damaged manifest ends in anything but the one checked exception or a sound
        // spine.
        Random random = new Random(seed);
        FlatSpine flat = spine(random).flatten();
        for (int i = 0; i < changeCount; i++) {
            flat = changed(flat, random);
        }
        useIfAccepted(flat, random);
    }

    @Property(tries = 500)
    void anyStructureThatPassesTheCheckNeverMeetsAnUnfinishedMerge(@ForAll long seed) {
        // Fails when the check of fuel lets a state pass from which some calls run a batch into a
        // level that still merges.
        Random random = new Random(seed);
        FlatSpine flat = structure(random);
        // All are built to pass: a generator that stopped doing so would test nothing.
        assertTrue(useIfAccepted(flat, random), flat::toString);
    }

    private static boolean useIfAccepted(FlatSpine flat, Random random) {
        Spine spine;
        try {
            spine = Spine.unflatten(flat);
        } catch (SpineFormatException refused) {
            assertNotNull(refused.getMessage());
            return false;
        }
        assertEquals(flat, spine.flatten());
        use(spine, random);
        return true;
    }

    private static void use(Spine spine, Random random) {
        for (int i = 0; i < 60; i++) {
            List<MergeRequest> requests = List.of();
            boolean idsLeft = spine.flatten().nextId() < Long.MAX_VALUE;
            if (idsLeft && random.nextInt(4) == 0) {
                requests = spine.exert(random.nextLong() >>> random.nextInt(1, 64)).requests();
            } else if (idsLeft && !spine.upper().isEmpty() && spine.upper().epoch() != -1) {
                long room = Spine.MAX_UPDATES - spine.updateCount();
                long updateCount = Math.min(room, random.nextLong() >>> random.nextInt(3, 64));
                Description description =
                        new Description(
                                spine.upper(),
                                Frontier.of(spine.upper().epoch() + 1),
                                Frontier.MINIMUM);
                requests =
                        spine.push(
                                new HollowBatch(
                                        description,
                                        updateCount == 0
                                                ? List.of()
                                                : List.of(Facts.run(updateCount))));
            }
            if (!requests.isEmpty() && random.nextBoolean()) {
                MergeRequest request = requests.getFirst();
                List<Run> outputs =
                        random.nextBoolean()
                                ? List.of()
                                : List.of(Facts.run(1 + random.nextInt(3)));
                spine.apply(
                        MergeResult.of(request, new HollowBatch(request.description(), outputs)));
            }
            assertEquals(Optional.empty(), spine.validate());
        }
    }

    /** A spine with some history. */
    private static Spine spine(Random random) {
        Spine spine = new Spine();
        int pushCount = random.nextInt(1, 20);
        for (int i = 0; i < pushCount; i++) {
            spine.push(
                    Facts.batch(
                            i,
                            i + 1,
                            random.nextInt(4) == 0 ? 0 : random.nextInt(1 << random.nextInt(12))));
            if (random.nextInt(5) == 0) {
                spine.exert(random.nextInt(40));
            }
            if (random.nextInt(5) == 0) {
                spine.downgradeSince(spine.since().join(Facts.at(i)));
            }
        }
        for (MergeRequest request : spine.requestsBefore(0, 0)) {
            spine.claim(request.id(), random.nextInt(100));
        }
        return spine;
    }

    private static FlatSpine changed(FlatSpine flat, Random random) {
        Frontier since = flat.since();
        Frontier upper = flat.upper();
        long nextId = flat.nextId();
        List<IdHollowBatch> parts = new ArrayList<>(flat.parts());
        List<FlatBatch> batches = new ArrayList<>(flat.batches());
        List<FlatMerge> merges = new ArrayList<>(flat.merges());
        switch (random.nextInt(8)) {
            case 0 -> since = changed(since, random);
            case 1 -> upper = changed(upper, random);
            case 2 -> nextId = changed(nextId, random);
            case 3 ->
                    changeOne(
                            parts,
                            random,
                            part -> new IdHollowBatch(changed(part.id(), random), part.batch()));
            case 4 ->
                    changeOne(
                            parts,
                            random,
                            part ->
                                    new IdHollowBatch(
                                            part.id(), changedBatch(part.batch(), random)));
            case 5 ->
                    changeOne(
                            batches,
                            random,
                            batch ->
                                    new FlatBatch(
                                            random.nextBoolean()
                                                    ? batch.id()
                                                    : changed(batch.id(), random),
                                            random.nextBoolean()
                                                    ? batch.level()
                                                    : (int) changed(batch.level(), random),
                                            random.nextBoolean()
                                                    ? batch.description()
                                                    : changed(batch.description(), random),
                                            batch.claimedAtMillis()));
            case 6 ->
                    changeOne(
                            merges,
                            random,
                            merge ->
                                    new FlatMerge(
                                            random.nextBoolean()
                                                    ? merge.id()
                                                    : changed(merge.id(), random),
                                            random.nextBoolean()
                                                    ? merge.since()
                                                    : changed(merge.since(), random),
                                            changed(merge.remainingWork(), random)));
            default ->
                    batches.replaceAll(batch ->
                            new FlatBatch(
                                    batch.id(),
                                    batch.level() + 1,
                                    batch.description(),
                                    OptionalLong.of(random.nextLong())));
        }
        return new FlatSpine(since, upper, nextId, parts, batches, merges);
    }

    /** Changes, drops, doubles or moves one element. */
    private static <T> void changeOne(List<T> list, Random random, Function<T, T> change) {
        if (list.isEmpty()) {
            return;
        }
        int index = random.nextInt(list.size());
        switch (random.nextInt(7)) {
            case 0 -> list.remove(index);
            case 1 -> list.add(index, list.get(index));
            case 2 -> Collections.swap(list, index, random.nextInt(list.size()));
            default -> list.set(index, change.apply(list.get(index)));
        }
    }

    private static long changed(long value, Random random) {
        return switch (random.nextInt(4)) {
            case 0 -> value + 1;
            case 1 -> value - 1;
            case 2 -> random.nextLong();
            default -> random.nextBoolean() ? Long.MAX_VALUE : random.nextInt(300);
        };
    }

    private static Frontier changed(Frontier frontier, Random random) {
        return random.nextInt(5) == 0
                ? Frontier.EMPTY
                : Frontier.of(changed(frontier.epoch(), random));
    }

    private static SpineId changed(SpineId id, Random random) {
        try {
            return random.nextBoolean()
                    ? new SpineId(changed(id.first(), random), id.end())
                    : new SpineId(id.first(), changed(id.end(), random));
        } catch (IllegalArgumentException noSuchFact) {
            return id;
        }
    }

    private static Description changed(Description description, Random random) {
        try {
            return switch (random.nextInt(3)) {
                case 0 ->
                        new Description(
                                changed(description.lower(), random),
                                description.upper(),
                                description.since());
                case 1 ->
                        new Description(
                                description.lower(),
                                changed(description.upper(), random),
                                description.since());
                default ->
                        new Description(
                                description.lower(),
                                description.upper(),
                                changed(description.since(), random));
            };
        } catch (IllegalArgumentException noSuchFact) {
            return description;
        }
    }

    private static HollowBatch changedBatch(HollowBatch batch, Random random) {
        try {
            if (random.nextBoolean()) {
                return new HollowBatch(changed(batch.description(), random), batch.runs());
            }
            List<Run> runs = new ArrayList<>(batch.runs());
            if (runs.isEmpty() || random.nextBoolean()) {
                runs.add(Facts.run(1 + (random.nextLong() >>> random.nextInt(2, 64))));
            } else {
                runs.removeLast();
            }
            return new HollowBatch(batch.description(), runs);
        } catch (IllegalArgumentException noSuchFact) {
            return batch;
        }
    }

    /**
     * Levels filled at random up to the limit, with merges that have as much to do as the check
     * just allows, or somewhat less.
     */
    private static FlatSpine structure(Random random) {
        int[] counts =
                new int[random.nextInt(1, random.nextInt(8) == 0 ? Levels.MAX_LEVELS + 1 : 16)];
        BigInteger[] weights = new BigInteger[counts.length];
        BigInteger weight = BigInteger.ZERO;
        for (int level = 0; level < counts.length; level++) {
            weights[level] = weight;
            boolean mayMerge = weight.compareTo(BigInteger.ONE.shiftLeft(level)) < 0;
            counts[level] = Math.min(random.nextInt(3), mayMerge ? 2 : 1);
            if (level == counts.length - 1 && counts[level] == 0) {
                counts[level] = 1;
            }
            weight = weight.add(BigInteger.valueOf(counts[level]).shiftLeft(level));
        }
        List<IdHollowBatch> parts = new ArrayList<>();
        List<FlatBatch> batches = new ArrayList<>();
        List<FlatMerge> merges = new ArrayList<>();
        long next = 0;
        for (int level = counts.length - 1; level >= 0; level--) {
            for (int i = 0; i < counts[level]; i++, next++) {
                long limit = 1L << Math.min(level, 50);
                long updateCount = random.nextInt(4) == 0 ? limit : random.nextLong(limit + 1);
                SpineId id = new SpineId(next, next + 1);
                HollowBatch batch = Facts.batch(next, next + 1, updateCount);
                parts.add(new IdHollowBatch(id, batch));
                batches.add(new FlatBatch(id, level, batch.description(), OptionalLong.empty()));
            }
            if (counts[level] == 2) {
                BigInteger room =
                        BigInteger.ONE.shiftLeft(level + 2).subtract(weights[level].shiftLeft(2));
                long workMax =
                        room.min(BigInteger.ONE.shiftLeft(level + 1))
                                .min(BigInteger.valueOf(Spine.MAX_UPDATES))
                                .longValueExact();
                long work = random.nextInt(3) > 0 ? workMax : random.nextLong(workMax + 1);
                merges.add(new FlatMerge(new SpineId(next - 2, next), Frontier.MINIMUM, work));
            }
        }
        return new FlatSpine(Frontier.MINIMUM, Facts.at(next), next, parts, batches, merges);
    }
}

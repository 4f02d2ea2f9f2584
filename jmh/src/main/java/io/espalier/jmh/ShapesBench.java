package io.espalier.jmh;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** {@code bench shapes}: every operation on every shape, resident and paged, as rows of a table. */
final class ShapesBench implements Bench {

    private static final Set<Shape> BUILT = Set.of(Shape.A, Shape.B, Shape.C, Shape.D);
    private static final Set<Shape> PROBED =
            Set.of(Shape.X1, Shape.X2, Shape.X3, Shape.X4, Shape.X5, Shape.X5_LONG);

    /**
     * Where chunks stand, and how they are laid out: as tries, or the resident ones as flat rows.
     */
    private enum Place {
        RESIDENT(Where.RESIDENT),
        PAGED(Where.PAGED),
        LZ4(Where.LZ4),
        ZSTD(Where.ZSTD),
        FLAT(Where.RESIDENT);

        private final Where where;

        Place(Where where) {
            this.where = where;
        }

        private String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final List<Place> RESIDENT = List.of(Place.RESIDENT);
    private static final List<Place> FLAT = List.of(Place.FLAT);
    private static final List<Place> EVERYWHERE =
            List.of(Place.RESIDENT, Place.PAGED, Place.LZ4, Place.ZSTD);

    /** How a workload is made ready. */
    private interface Maker {
        Workload make(Fixture fixture, Shape shape, int updates);
    }

    /** How the size is told of what takes no time. */
    private interface Scale {
        double bytesPerUpdate(Fixture fixture, Shape shape, int updates);
    }

    /**
     * An operation.
     *
     * @param maker null if it takes no time: only the size is told
     */
    private record Op(
            String name,
            Set<Shape> shapes,
            List<Place> places,
            @Nullable Maker maker,
            Scale scale) {
        Op(String name, Set<Shape> shapes, List<Place> places, @Nullable Maker maker) {
            this(name, shapes, places, maker, Workloads::bytesPerUpdate);
        }
    }

    private static final List<Op> OPS =
            List.of(
                    new Op("stage", BUILT, RESIDENT, Workloads::stage),
                    new Op("sort", Set.of(Shape.A), RESIDENT, Workloads::sort),
                    new Op("build", BUILT, RESIDENT, Workloads::build),
                    new Op("bytes", BUILT, EVERYWHERE, null),
                    new Op("merge", BUILT, EVERYWHERE, Workloads::merge),
                    new Op("meld", BUILT, EVERYWHERE, Workloads::meld),
                    new Op("fetch", BUILT, EVERYWHERE, Workloads::fetch),
                    new Op("scan", BUILT, EVERYWHERE, Workloads::scan),
                    new Op("cursor", BUILT, EVERYWHERE, Workloads::walk),
                    new Op("build", BUILT, FLAT, FlatWorkloads::build),
                    new Op("bytes", BUILT, FLAT, null, FlatWorkloads::bytesPerUpdate),
                    new Op("merge", BUILT, FLAT, FlatWorkloads::merge),
                    new Op("fetch", BUILT, FLAT, FlatWorkloads::fetch),
                    new Op("bytes", PROBED, EVERYWHERE, null),
                    new Op("extract", PROBED, EVERYWHERE, Workloads::extract),
                    new Op("cursor", PROBED, EVERYWHERE, Workloads::seek));

    /** One row to be measured. */
    private record Case(Shape shape, Op op, Place place) {}

    @Override
    public String name() {
        return "shapes";
    }

    @Override
    public String synopsis() {
        return "[--only SHAPE[/OP[/WHERE]][,...]] [--updates N] [--turns N] [--json FILE]";
    }

    @Override
    public String help() {
        return """
        Builds, merges, scans and probes the shapes, and prints one row for each operation.
        --only     the rows that are wanted: --only D/merge,X2,A/scan/paged
                   SHAPE  A, B, C, D: %s
                          X1, X2, X3, X4, X5, X5-long: %s
                   WHERE  resident, paged, lz4, zstd; build, stage and sort are resident;
                          flat: build, bytes, merge and fetch by the family of flat rows
        --updates  the n of the shapes, 1000 to 20000000; 1000000 unless told
        --turns    how often an operation runs before its floor has its turn, and the floor before
                   it: 1 unless told, so that each finds the caches as the other leaves them;
                   more, and both find their own
        --json     also writes the rows into FILE
        """
                .formatted(names(Shape.A), names(Shape.X1));
    }

    /** Runs what is asked for; each row is printed as soon as it is there. */
    @Override
    public void run(Arguments arguments, PrintStream out) throws UsageException, IOException {
        int updates = Arguments.UPDATES_DEFAULT;
        int turns = 1;
        List<Case> cases = cases();
        Path json = null;
        while (arguments.hasNext()) {
            String option = arguments.next();
            switch (option) {
                case "--updates" -> updates = arguments.updates();
                case "--turns" -> turns = arguments.number(1, 100);
                case "--only" -> cases = only(arguments.value());
                case "--json" -> json = arguments.file();
                default -> throw arguments.unknown(option);
            }
        }
        Report report = new Report(out, json);
        report.start("shapes of " + updates + " updates", Row.heading());
        Stopwatch stopwatch = new Stopwatch(updates, turns);
        for (Case one : cases) {
            report.add(row(stopwatch, one, updates));
        }
        if (stopwatch.seen() == Long.MIN_VALUE) {
            // never so: it keeps what was read alive
            report.remark("");
        }
        report.finish();
    }

    private Row row(Stopwatch stopwatch, Case one, int updates) throws IOException {
        try (Fixture fixture = new Fixture(one.place.where)) {
            Maker maker = one.op.maker;
            if (maker == null) {
                return Row.sizeOnly(
                        name(),
                        one.shape.label(),
                        one.op.name,
                        one.place.label(),
                        one.op.scale.bytesPerUpdate(fixture, one.shape, updates));
            }
            try (Workload workload = maker.make(fixture, one.shape, updates)) {
                return stopwatch.time(
                        name(), one.shape.label(), one.op.name, one.place.label(), workload);
            }
        }
    }

    // ---- which rows ---------------------------------------------------------------------------

    private static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (Shape shape : Shape.values()) {
            for (Op op : OPS) {
                if (op.shapes.contains(shape)) {
                    for (Place place : op.places) {
                        cases.add(new Case(shape, op, place));
                    }
                }
            }
        }
        return cases;
    }

    /** The cases that one of the patterns fits, in the order of the table. */
    private static List<Case> only(String patterns) throws UsageException {
        Set<Case> wanted = new TreeSet<>(Comparator.comparingInt(cases()::indexOf));
        for (String pattern : patterns.split(",", -1)) {
            wanted.addAll(matching(pattern));
        }
        return List.copyOf(wanted);
    }

    private static List<Case> matching(String pattern) throws UsageException {
        String[] parts = pattern.split("/", -1);
        if (parts.length > 3) {
            throw new UsageException(
                    "--only '" + pattern + "' has more than the parts SHAPE/OP/WHERE");
        }
        List<Case> left = cases();
        String[] kinds = {"shape", "op", "place"};
        for (int part = 0; part < parts.length; part++) {
            int at = part;
            List<Case> fitting =
                    left.stream().filter(one -> name(one, at).equalsIgnoreCase(parts[at])).toList();
            if (fitting.isEmpty()) {
                String known =
                        String.join(
                                ", ", left.stream().map(one -> name(one, at)).distinct().toList());
                throw new UsageException(
                        "--only '%s': no %s '%s'; there is: %s"
                                .formatted(pattern, kinds[at], parts[at], known));
            }
            left = fitting;
        }
        return left;
    }

    private static String name(Case one, int part) {
        return switch (part) {
            case 0 -> one.shape.label();
            case 1 -> one.op.name;
            default -> one.place.label();
        };
    }

    private static String names(Shape shape) {
        return String.join(
                ", ",
                OPS.stream()
                        .filter(op -> op.shapes.contains(shape))
                        .map(Op::name)
                        .distinct()
                        .toList());
    }
}

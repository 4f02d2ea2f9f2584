package io.espalier.jmh;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.conditions.ArchConditions;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The house stands: a floor rests on the floors below it and on nothing else, and some things are
 * done on one floor only.
 */
class FloorsTest {
    /** From the ground up. */
    private static final List<String> FLOORS =
            List.of("memory", "pager", "columnar", "spine", "upsert", "session", "jmh");

    private static final String[] COMMAND_LINE = {"io.espalier.session.cli..", "io.espalier.jmh.."};

    private static JavaClasses house;

    @BeforeAll
    static void read() {
        house =
                new ClassFileImporter()
                        .withImportOption(FloorsTest::isOurs)
                        .importPackages("io.espalier");
    }

    /** Tests and what JMH generates may reach where they like. */
    private static boolean isOurs(Location location) {
        return !location.contains("/test-classes/")
                && !location.contains("-tests.jar")
                && !location.contains("/jmh_generated/");
    }

    /**
     * Fails if the classpath of this test lacks a floor, which would make every other rule vacuous.
     */
    @Test
    void everyFloorIsSeen() {
        List<String> missing = new ArrayList<>(FLOORS);
        for (JavaClass type : house)
            missing.removeIf(floor -> type.getPackageName().startsWith("io.espalier." + floor));
        Assertions.assertEquals(List.of(), missing);
    }

    /** Fails if a class names a type of a floor above its own. */
    @TestFactory
    List<DynamicTest> aFloorRestsOnTheFloorsBelow() {
        List<DynamicTest> tests = new ArrayList<>();
        for (int i = 0; i < FLOORS.size() - 1; i++) {
            String[] above =
                    FLOORS.subList(i + 1, FLOORS.size()).stream()
                            .map(FloorsTest::packages)
                            .toArray(String[]::new);
            ArchRule rule =
                    noClasses()
                            .that()
                            .resideInAPackage(packages(FLOORS.get(i)))
                            .should()
                            .dependOnClassesThat()
                            .resideInAnyPackage(above);
            tests.add(DynamicTest.dynamicTest(FLOORS.get(i), () -> check(rule)));
        }
        return tests;
    }

    /** Fails if a class lives outside the seven floors, where no rule would see it. */
    @Test
    void everyClassLivesOnAFloor() {
        check(
                noClasses()
                        .should()
                        .resideOutsideOfPackages(
                                FLOORS.stream().map(FloorsTest::packages).toArray(String[]::new)));
    }

    /** Fails if two packages need each other, directly or around a corner. */
    @Test
    void packagesFormNoCycles() {
        check(slices().matching("io.espalier.(**)").should().beFreeOfCycles());
    }

    /**
     * Fails if anything but the memory floor takes native bytes, looks up native functions, or
     * gives a segment a size that nobody checked.
     */
    @Test
    void nativeMemoryHasOneOwner() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackage("io.espalier.memory")
                        .should()
                        .dependOnClassesThat()
                        .belongToAnyOf(Arena.class, Linker.class, SymbolLookup.class)
                        .orShould(
                                ArchConditions.callMethodWhere(
                                        DescribedPredicate.describe(
                                                "reinterpret",
                                                call ->
                                                        call.getTarget()
                                                                        .getName()
                                                                        .equals("reinterpret")
                                                                && call.getTargetOwner()
                                                                        .isEquivalentTo(
                                                                                MemorySegment
                                                                                        .class))))
                        .because(
                                "only io.espalier.memory owns native bytes; ask NativeMemory for a lease"));
    }

    /** Fails if a library for terminals is used where a library user would have to carry it. */
    @Test
    void onlyTheCommandLineKnowsATerminal() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackages("io.espalier.session.cli..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(
                                "picocli..", "me.tongfei.progressbar..", "org.jline.."));
    }

    /** Fails if the bridge to chronicle-bytes is not the only thing that needs chronicle-bytes. */
    @Test
    void onlyTheBridgeKnowsChronicle() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackage("io.espalier.session.chronicle..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage("net.openhft..", "io.espalier.session.chronicle.."));
    }

    /** Fails if an engine class prints: it does not own the process's streams. */
    @Test
    void onlyTheCommandLinePrints() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackages(COMMAND_LINE)
                        .should()
                        .accessField(System.class, "out")
                        .orShould()
                        .accessField(System.class, "err")
                        .orShould()
                        .callMethod(System.class, "exit", int.class)
                        .orShould()
                        .callMethod(Throwable.class, "printStackTrace"));
    }

    private static String packages(String floor) {
        return "io.espalier." + floor + "..";
    }

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(house);
    }
}

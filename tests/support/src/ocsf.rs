//! The rules of OCSF 1.8.0 for the classes that this product writes, as a judge that shares nothing with the writer.
//!
//! The rules were read in the schema's own repository at its release 1.8.0 (classes, objects, profiles and dictionary), and what the
//! reference server checks in its validator. The table holds every required attribute and, but for two of the
//! profile `data_classification`, which no class here may declare, every deprecated attribute of the classes and objects
//! below, all their constraints and enumerations, and of the optional attributes those that are written: any other name is refused,
//! also one that the schema has, until its rule stands here.
//!
//! Stricter than the reference: a caption that does not match its id, a 99 without the source's own word, a deprecated attribute and a
//! null are refused, not warned of. An observable must point at what is there, with its value.

mod classes;
mod objects;
mod rule;
mod values;

use serde_json::{Map, Value};

use self::rule::{Attribute, Constraint, Kind, Shape};

/// The version of the schema that the rules are of.
pub const VERSION: &str = "1.8.0";

/// Judges an event: returns what violates the schema, each with its path; nothing where it is as it must be.
#[must_use]
pub fn violations(event: &Value) -> Vec<String> {
    let Some(object) = event.as_object() else {
        return vec!["the event is not an object".to_owned()];
    };
    let Some(uid) = object.get("class_uid").and_then(Value::as_u64) else {
        return vec!["class_uid: missing, or not a number".to_owned()];
    };
    let Some(class) = classes::CLASSES.iter().find(|class| class.uid == uid) else {
        return vec![format!("class_uid: {uid} is no class of which the rules are known")];
    };
    let mut judge = Judge { profiles: profiles(object), found: Vec::new() };
    judge.version(object);
    judge.classification(object, class);
    judge.profiles(class);
    judge.shape("", object, &class.attributes().collect::<Vec<_>>(), class.constraint);
    judge.observables(event);
    judge.found
}

fn profiles(event: &Map<String, Value>) -> Vec<String> {
    let declared = event.get("metadata").and_then(|metadata| metadata.get("profiles")).and_then(Value::as_array);
    declared.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

struct Judge {
    profiles: Vec<String>,
    found: Vec<String>,
}

impl Judge {
    fn refuse(&mut self, path: &str, why: impl std::fmt::Display) {
        self.found.push(format!("{path}: {why}"));
    }

    fn version(&mut self, event: &Map<String, Value>) {
        let version = event.get("metadata").and_then(|metadata| metadata.get("version")).and_then(Value::as_str);
        if version.is_some_and(|version| version != VERSION) {
            self.refuse("metadata.version", format_args!("is not {VERSION}"));
        }
    }

    /// The numbers and names of the class, its category, and the type, which are worked out from one another.
    fn classification(&mut self, event: &Map<String, Value>, class: &classes::Class) {
        let number = |name: &str| event.get(name).and_then(Value::as_u64);
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        if number("category_uid").is_some_and(|uid| uid != class.category.0) {
            self.refuse("category_uid", format_args!("is not {}, the category of class {}", class.category.0, class.uid));
        }
        let activity = number("activity_id").unwrap_or_default();
        if number("type_uid").is_some_and(|uid| uid != class.uid * 100 + activity) {
            self.refuse("type_uid", format_args!("is not class_uid * 100 + activity_id = {}", class.uid * 100 + activity));
        }
        let caption = class.activities.iter().find(|(id, _)| i64::try_from(activity) == Ok(*id)).map(|(_, caption)| *caption);
        let expected = [
            ("class_name", class.caption.to_owned()),
            ("category_name", class.category.1.to_owned()),
            ("type_name", format!("{}: {}", class.caption, caption.unwrap_or("?"))),
        ];
        for (name, expected) in expected {
            if text(name).is_some_and(|written| written != expected) {
                self.refuse(name, format_args!("is not `{expected}`"));
            }
        }
    }

    fn profiles(&mut self, class: &classes::Class) {
        for profile in self.profiles.clone() {
            if !class.profiles.contains(&profile.as_str()) {
                self.refuse("metadata.profiles", format_args!("`{profile}` is no profile of class {}", class.uid));
            }
        }
    }

    fn shape(&mut self, path: &str, object: &Map<String, Value>, attributes: &[&Attribute], constraint: Option<Constraint>) {
        for (name, value) in object {
            let path = join(path, name);
            match attributes.iter().find(|attribute| attribute.name == name) {
                Some(attribute) => self.attribute(&path, object, attribute, value),
                None => self.refuse(&path, "is no attribute of which a rule is known"),
            }
        }
        for attribute in attributes.iter().filter(|attribute| attribute.is_required) {
            if self.applies(attribute) && !object.contains_key(attribute.name) {
                self.refuse(&join(path, attribute.name), "is required, and missing");
            }
        }
        if let Some(Constraint::AtLeastOne(names)) = constraint
            && !names.iter().any(|name| object.contains_key(*name))
        {
            self.refuse(path, format_args!("has none of {}", names.join(", ")));
        }
    }

    /// Says whether an attribute's rule counts: one of a profile only where the event declares it.
    fn applies(&self, attribute: &Attribute) -> bool {
        attribute.profile.is_none_or(|profile| self.profiles.iter().any(|declared| declared == profile))
    }

    fn attribute(&mut self, path: &str, object: &Map<String, Value>, attribute: &Attribute, value: &Value) {
        if !self.applies(attribute) {
            self.refuse(path, format_args!("is of the profile `{}`, which is not declared", attribute.profile.unwrap_or_default()));
        }
        if let Some(instead) = attribute.deprecated {
            self.refuse(path, format_args!("is deprecated: {instead}"));
        }
        match (attribute.is_list, value) {
            (true, Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&format!("{path}[{index}]"), attribute, item);
                }
            }
            (true, _) => self.refuse(path, "is not a list"),
            (false, value) => self.value(path, attribute, value),
        }
        if !attribute.values.is_empty() && !attribute.is_list {
            self.enumerated(path, object, attribute, value);
        }
    }

    /// One of the values that there are, and its caption beside it.
    fn enumerated(&mut self, path: &str, object: &Map<String, Value>, attribute: &Attribute, value: &Value) {
        let Some(id) = value.as_i64() else { return };
        let Some((_, caption)) = attribute.values.iter().find(|(one, _)| *one == id) else {
            self.refuse(path, format_args!("{id} is none of its values"));
            return;
        };
        let Some(sibling) = attribute.sibling else { return };
        let written = object.get(sibling).and_then(Value::as_str);
        match written {
            None if id == 99 => self.refuse(path, format_args!("is 99, and `{sibling}` does not say what it is")),
            Some(text) if id == 99 && text == *caption => {
                self.refuse(path, format_args!("is 99, and `{sibling}` says no more than `{caption}`"));
            }
            Some(text) if id != 99 && text != *caption => {
                self.refuse(path, format_args!("is {id}, and `{sibling}` is `{text}`, not `{caption}`"));
            }
            None | Some(_) => {}
        }
    }

    fn value(&mut self, path: &str, attribute: &Attribute, value: &Value) {
        if let Kind::Object(name) = attribute.kind {
            match (value.as_object(), objects::OBJECTS.iter().find(|shape| shape.name == name)) {
                (Some(object), Some(Shape { attributes, constraint, .. })) => {
                    self.shape(path, object, &attributes.iter().collect::<Vec<_>>(), *constraint);
                }
                (None, _) => self.refuse(path, format_args!("is not an object ({name})")),
                (_, None) => self.refuse(path, format_args!("is a `{name}`, of which no rule is known")),
            }
        } else if let Err(why) = values::check(attribute.kind, value) {
            self.refuse(path, why);
        }
    }

    /// What an observable points at is there, with that value.
    fn observables(&mut self, event: &Value) {
        let observables = event.get("observables").and_then(Value::as_array);
        for (index, observable) in observables.into_iter().flatten().enumerate() {
            let Some(name) = observable.get("name").and_then(Value::as_str) else { continue };
            let path = format!("observables[{index}].name");
            match (values::resolve(event, name), observable.get("value")) {
                (None, _) => self.refuse(&path, format_args!("`{name}` is not in the event")),
                (Some(Value::Object(_)), Some(_)) => self.refuse(&path, format_args!("`{name}` is an object, and a value is written")),
                (Some(there), written) if !there.is_object() && Some(there) != written => {
                    self.refuse(&path, format_args!("`{name}` has another value in the event"));
                }
                (Some(_), _) => {}
            }
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
